"""What fakesnow still imports and the driver no longer has."""

import importlib
import sys
from types import ModuleType

import snowflake.connector


def add_missing_modules() -> None:
    """Puts empty modules in their place; to be called before fakesnow is imported."""
    for name, kind in (("converter", "SnowflakeConverter"), ("file_util", "SnowflakeFileUtil")):
        full = f"{snowflake.connector.__name__}.{name}"
        try:
            importlib.import_module(full)
        except ModuleNotFoundError:
            module = ModuleType(full)
            setattr(module, kind, type(kind, (), {}))
            sys.modules[full] = module
            setattr(snowflake.connector, name, module)
