"""A script of a user's own that takes the flags itself; it fits nothing."""

import argparse

import autofit as af

import search_hooks

parser = argparse.ArgumentParser()
parser.add_argument("--mine", default="")
search_hooks.add_arguments(parser)
arguments = parser.parse_args()
print("watched:", search_hooks.install(arguments), "mine:", arguments.mine)
print("hooked:", af.NonLinearSearch.make_fitness.__module__)
