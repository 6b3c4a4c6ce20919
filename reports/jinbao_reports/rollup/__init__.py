"""Statements of many counties, each signed by its own centre, summed for city and province."""
