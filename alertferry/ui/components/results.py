"""Controls of the page of a result: files to save, and the cutouts of an alert."""

from __future__ import annotations

import param

from alertferry.ui.components import Part


class Downloads(Part):
    """Files to save, one click each: it asks for a file, and the browser saves it once it is there.

    ``items`` are ``{kind, label, note, disabled}``; ``busy`` are the kinds that are being made.
    """

    sends = ({"get": str},)

    items = param.List(default=[])
    busy = param.List(default=[])

    def save(self, href: str, name: str) -> None:
        """Let the browser save what is at an address, under a name."""
        self._send_msg({"save": href, "name": name})


class Cutouts(Part):
    """Images ``{name, width, height, pixels}``, their scale and stretch chosen in the browser.

    ``pixels`` are 32-bit floats, the lowest byte first, as base64, from the bottom row up.
    """

    images = param.List(default=[])
    label = param.String(default="")


class AlertHead(Part):
    """What the alert is that is open; comes into sight when ``turn`` grows."""

    title = param.String(default="")
    facts = param.String(default="")
    turn = param.Integer(default=0)
