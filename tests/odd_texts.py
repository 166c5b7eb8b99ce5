"""Texts that a careless writer of files loses or changes."""

from hypothesis import strategies as st

ODD = [
    "",
    "=1+1",
    "-2",
    "@x",
    "NA",
    'a "b", c',
    "a\nb",
    "a\r\nb",
    "\r",
    "\0",
    "\ud800",
    "\u202eabc",
    "\x85\u2028",
    " ",
    ",",
    '""',
    "\ufeff",
]
LISTS = st.lists(
    st.text(st.characters(), max_size=20) | st.text(st.characters(categories=["Cs", "Cc"]), max_size=3) | st.sampled_from(ODD),
    min_size=1,
    max_size=5,
)
