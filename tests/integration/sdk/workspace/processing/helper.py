"""Beside the entry point, and in need of the requirements."""

import iniconfig


def installed():
    return bool(iniconfig.IniConfig)
