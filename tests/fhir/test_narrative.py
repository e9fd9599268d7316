"""txt-1 and txt-2: which XHTML a Narrative may hold."""

from __future__ import annotations

import pytest

from segue.fhir.narrative import is_safe

OPEN = '<div xmlns="http://www.w3.org/1999/xhtml"'


@pytest.mark.parametrize(
    "div",
    [
        OPEN + ">text</div>",
        OPEN + "><p>a<br/>b</p><table><tr><td colspan='2'>x</td></tr></table></div>",
        OPEN + " xml:lang='en' lang='en'><b>&lt;x&gt; &#233;</b></div>",
        OPEN + "><img src='#a' alt='b'/></div>",
    ],
)
def test_txt_1_takes_basic_formatting(div: str):
    assert is_safe(div)


@pytest.mark.parametrize(
    "div",
    [
        OPEN + "></div>",
        OPEN + "> \n </div>",
        OPEN + "><p>open</div>",
        OPEN + "><script>x</script></div>",
        OPEN + "><form>x</form></div>",
        OPEN + " onclick='x'>text</div>",
        "<div>no name space</div>",
        '<p xmlns="http://www.w3.org/1999/xhtml">x</p>',
        '<!DOCTYPE div [<!ENTITY a "b">]>' + OPEN + ">&a;</div>",
        OPEN + ">&nbsp;</div>",
    ],
)
def test_txt_1_and_txt_2_refuse(div: str):
    assert not is_safe(div)
