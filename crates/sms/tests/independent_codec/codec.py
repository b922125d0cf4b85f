"""What the package python-gsmmodem-new makes of PDUs, and PDUs that it makes.

Reads lines `decode HEX` and `encode REFERENCE REPORT FLASH MINUTES NUMBER TEXT_IN_HEX`. Answers each with one line:
`TYPE NUMBER REFERENCE PARTS PART TEXT_IN_HEX` (0 parts where the text is one of its own), or the PDUs in hex.
"""

import sys
from datetime import timedelta

from gsmmodem import pdu


def decode(octets):
    read = pdu.decodeSmsPdu(octets)
    parts, part = 0, 0
    for element in read.get("udh", []):
        if isinstance(element, pdu.Concatenation):
            parts, part = element.parts, element.number
    number = (read["number"] or "").encode().hex() or "-"
    text = read.get("text", "").encode("utf-16-be", "surrogatepass").hex() or "-"
    return " ".join([read["type"], number, str(read.get("reference", 0)), str(parts), str(part), text])


def encode(reference, report, flash, minutes, number, text):
    validity = timedelta(minutes=int(minutes)) if int(minutes) else None
    made = pdu.encodeSmsSubmitPdu(
        number,
        bytes.fromhex(text).decode("utf-16-be"),
        reference=int(reference),
        validity=validity,
        requestStatusReport=report == "1",
        sendFlash=flash == "1",
    )
    return " ".join(str(one) for one in made)


for line in sys.stdin:
    command, *arguments = line.split()
    print(decode(*arguments) if command == "decode" else encode(*arguments))
