"""One door for everything asked, and who meets whom: schedules, the runner, compare."""
