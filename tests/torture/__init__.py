"""Torture: a sweep is killed, stopped, starved and lied to; then the same command must end with the same bits."""
