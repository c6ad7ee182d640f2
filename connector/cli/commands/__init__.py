"""One module for each command, or group of commands. Each defines a function of its name, or `group`."""
