"""Django's commands: ``python manage.py runserver`` is Daphne, with Twisted in a uvloop."""

import uvloop

import triloop

triloop.install(uvloop.new_event_loop())

import os
import sys

from django.core.management import execute_from_command_line

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "settings")
execute_from_command_line(sys.argv)
