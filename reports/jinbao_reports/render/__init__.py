"""Documents: a Statement in, bytes out. `month.render_month` is the way in; only it loads Matplotlib and Typst."""
