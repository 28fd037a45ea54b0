"""A site of one page."""

INSTALLED_APPS = ["daphne"]  # its runserver replaces Django's
ASGI_APPLICATION = "asgi.application"
ROOT_URLCONF = "urls"
DEBUG = True
SECRET_KEY = "of this example"
