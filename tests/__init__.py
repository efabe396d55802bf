"""The tests, one folder for each app, and for architecture, scenarios and browser."""
