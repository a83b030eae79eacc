"""How things are done: pure functions and small helpers behind the definitions and commands."""
