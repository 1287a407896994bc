"""Scores of SR images against HR, each by a named protocol."""
