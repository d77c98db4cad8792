"""Fails unless an HTML page balances its tags, numbers its coordinates and reaches for nothing outside itself."""

import html.parser
import sys

VOID = {"meta", "br", "link", "img", "hr", "input"}


class Page(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.open, self.counts = [], {}

    def handle_starttag(self, tag, attributes):
        self.counts[tag] = self.counts.get(tag, 0) + 1
        for name, value in attributes:
            assert name not in ("src", "href", "srcset"), (tag, name, value)
            assert "nan" not in (value or "").split(",") and "inf" not in (value or "").split(","), (tag, name, value)
            if name in ("x", "y", "x1", "x2", "y1", "y2", "cx", "cy", "r"):
                float(value)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open and self.open[-1] == tag, (tag, self.open)
        self.open.pop()


text = open(sys.argv[1], encoding="utf-8").read()
page = Page()
page.feed(text)
page.close()
assert not page.open, page.open
assert page.counts["svg"] >= 4 and page.counts["table"] == 1, page.counts
for outside in ("http:", "https:", "url(", "@import", "<script", "//cdn"):
    assert outside not in text, outside
