"""A county in a box: twelve townships on one Linux machine, with faults whose truth is known."""
