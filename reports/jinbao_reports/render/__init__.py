"""Documents: a Statement in, bytes out. Heavy to import (matplotlib, Typst), so commands import it where they use it."""

from jinbao_reports.render.month import render_month, statement_bytes
from jinbao_reports.render.node import StatementError
from jinbao_reports.render.pdf import RenderError

__all__ = ["RenderError", "StatementError", "render_month", "statement_bytes"]
