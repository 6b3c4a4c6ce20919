"""Documents that are issued by themselves: what is due, the issue, and its delivery by mail."""
