"""What the office adds to a Statement: money, names, the census of its clerks, and the self-evaluation's score."""
