"""The few SVG elements that the figures are made of."""

from __future__ import annotations

from markupsafe import Markup, escape

from mlops_stage.reporters.escape import harmless


def element(tag: str, *inner: str, **attributes: str | float) -> str:
    """An element; a trailing underscore in an attribute's name is dropped, others become hyphens."""
    named = "".join(f' {name.rstrip("_").replace("_", "-")}="{value}"' for name, value in attributes.items() if value != "")
    return f"<{tag}{named}>{''.join(inner)}</{tag}>" if inner else f"<{tag}{named}/>"


def line(x1: str, y1: str, x2: str, y2: str, class_: str) -> str:
    """A straight line."""
    return element("line", x1=x1, y1=y1, x2=x2, y2=y2, class_=class_)


def text(content: str, x: str, y: str, class_: str, anchor: str = "middle") -> str:
    """A text; its content may come from outside."""
    return element("text", escaped(content), x=x, y=y, class_=class_, text_anchor=anchor)


def escaped(content: str, most: int = 80) -> str:
    """Text from outside, harmless, short and escaped."""
    return str(escape(harmless(content, most)))


def picture(*parts: str, width: float, height: float, name: str, description: str, class_: str) -> Markup:
    """A whole picture with a name and a description for those who do not see it."""
    head = element("title", escaped(name, 300)) + element("desc", escaped(description, 1_000))
    body = element("g", *parts, aria_hidden="true")
    size = {"viewBox": f"0 0 {width:g} {height:g}", "width": f"{width:g}", "height": f"{height:g}"}
    drawn = element("svg", head, body, class_=class_, **size, role="img", aria_label=escaped(name, 300))
    return Markup(drawn)  # noqa: S704  (`head` is escaped above; all parts come from the functions of this module)


def decoration(*parts: str, width: float, height: float, class_: str) -> Markup:
    """A picture that stretches to its box and says nothing that does not stand beside it in words."""
    drawn = element("svg", *parts, class_=class_, viewBox=f"0 0 {width:g} {height:g}", preserveAspectRatio="none", aria_hidden="true")
    return Markup(drawn)  # noqa: S704  (all parts come from the functions of this module)


def strip(*parts: str, class_: str) -> Markup:
    """As `decoration`, for parts that are placed in percent of its width; a page holds hundreds of them, so each is short."""
    return Markup(element("svg", *parts, class_=class_, aria_hidden="true"))  # noqa: S704  (all parts come from the functions of this module)
