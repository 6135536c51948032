"""Write the made parts of the README and the pages again, and the figure: python -m tests.docs."""

from tests.docs import figure
from tests.docs.made import remade
from tests.docs.pages import pages

if __name__ == "__main__":
    figure.FIGURE.write_bytes(figure.drawn())
    for page in pages():
        page.write_text(remade(page), encoding="utf-8")
