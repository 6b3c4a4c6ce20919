"""How it is judged: samples to timeline, attribution, contract classes, Statement and pages."""
