"""Write the generated pages of `docs/reference`."""

from tests.docs.generated.pages import GENERATED, text_of

for page in GENERATED:
    page.write_text(text_of(page), "utf-8")
