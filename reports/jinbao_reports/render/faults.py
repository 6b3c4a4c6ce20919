"""What may go wrong with a page, apart from the Statement itself (render.node.StatementError)."""


class RenderError(Exception):
    """The document could not be set in type; the message is Typst's own."""


class TemplateFault(Exception):
    """A Word template is no Word file, or asks for what does not exist; says what, and what there is."""
