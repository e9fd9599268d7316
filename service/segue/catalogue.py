"""The catalogue of what can be said about a message: severity, HL7 table 0357 code, FHIR issue type and a fixed sentence for
each dotted code (A-30, R-ISS).

No sentence holds data of a message.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

Severity = Literal["fatal", "error", "warning", "information"]

SEVERITIES: tuple[Severity, ...] = ("fatal", "error", "warning", "information")


class Kind(NamedTuple):
    """One row of the catalogue."""

    severity: Severity
    hl7: str  # code of HL7 table 0357, "" where none fits
    fhir: str  # FHIR IssueType
    text: str  # one fixed sentence, no data
    hint: str = ""  # what to do


CATALOGUE: dict[str, Kind] = {
    # reading
    "message.unreadable": Kind(
        "fatal",
        "199",
        "invalid",
        "The message has no readable MSH segment.",
        "Send HL7 v2 ER7 text that begins with MSH and its delimiters.",
    ),
    "message.terminators-missing": Kind(
        "fatal",
        "199",
        "invalid",
        "Segment terminators are missing.",
        "Send the bytes unchanged; with curl use --data-binary.",
    ),
    "message.delimiters": Kind(
        "fatal",
        "199",
        "invalid",
        "The delimiters of MSH-1 and MSH-2 cannot be used.",
        "MSH-1 and MSH-2 must hold different characters, none a letter, digit or blank.",
    ),
    "message.too-large": Kind(
        "fatal", "104", "too-long", "The message is larger than the limit.", "Raise the limit or split the message."
    ),
    "message.too-many-segments": Kind(
        "fatal",
        "104",
        "too-long",
        "The message has more segments than the limit.",
        "Raise the limit or split the message.",
    ),
    "message.type-unsupported": Kind(
        "error",
        "200",
        "not-supported",
        "No map exists for this message type.",
        "See the list of supported messages; add a message map.",
    ),
    "message.event-unsupported": Kind(
        "error",
        "201",
        "not-supported",
        "No map exists for this trigger event.",
        "See the list of supported messages; add a message map.",
    ),
    "message.processing-id-refused": Kind(
        "error",
        "202",
        "not-supported",
        "Only production messages are accepted here.",
        "Set refuse_non_production: false to accept them.",
    ),
    "message.event-disagrees": Kind(
        "warning", "103", "code-invalid", "MSH-9.2 and EVN-1 name different events; MSH-9.2 is used."
    ),
    "message.structure-unknown": Kind(
        "warning", "100", "structure", "MSH-9.3 does not fit the trigger event and is not used."
    ),
    "batch.count": Kind("warning", "100", "structure", "The count in BTS-1 or FTS-1 differs from the messages found."),
    "mllp.envelope-stripped": Kind(
        "information", "", "informational", "An MLLP envelope around the message was removed."
    ),
    "charset.unknown": Kind(
        "warning", "199", "value", "The character set is not known; the next step of the rule was used."
    ),
    "charset.undecodable": Kind(
        "warning",
        "199",
        "value",
        "The declared character set cannot decode the message; the next step of the rule was used.",
    ),
    "charset.guessed": Kind(
        "warning", "199", "value", "No declared character set decodes the message; windows-1252 was assumed."
    ),
    "charset.windows-1252": Kind(
        "warning",
        "199",
        "value",
        "The message says ISO 8859-1 but holds bytes of windows-1252; it was read as windows-1252.",
    ),
    "charset.replaced": Kind("error", "199", "value", "Bytes that no character set decodes were replaced."),
    "charset.no-codec": Kind(
        "fatal", "199", "not-supported", "The declared character set has no decoder.", "Convert the feed to UTF-8."
    ),
    "segment.unknown": Kind(
        "information",
        "100",
        "structure",
        "A segment that the message structure does not have was kept beside what it follows.",
    ),
    "segment.continuation": Kind(
        "warning", "100", "structure", "A line that is no segment was taken as continuation of the field before it."
    ),
    "segment.blanks": Kind("warning", "100", "structure", "Blanks around a segment name were removed."),
    "text.control-characters": Kind("warning", "102", "value", "Control characters were removed from a text."),
    "text.escape-unknown": Kind("warning", "102", "value", "An escape sequence is not known and stays as written."),
    "text.escape-bounded": Kind(
        "warning", "102", "value", "An escape sequence asked for more than the limit and was bounded."
    ),
    "text.truncated": Kind("warning", "199", "value", "The sender marked this value as truncated."),
    "text.rejoined": Kind("warning", "102", "value", "Unescaped delimiters in a simple value were kept as text."),
    # values
    "field.required": Kind("warning", "101", "required", "A field that a rule needs is empty."),
    "field.date-unreadable": Kind("error", "102", "value", "The date or time is not readable; the value is left out."),
    "field.date-form": Kind("information", "102", "value", "The date is not in HL7 form and was read all the same."),
    "field.date-sentinel": Kind("information", "102", "value", "The date is a mark for 'none' and is left out."),
    "field.time-cut": Kind(
        "warning",
        "199",
        "value",
        "The time was cut: it has no minutes or no offset.",
        "Give the sender a time zone (timezone).",
    ),
    "field.time-of-day": Kind("information", "102", "value", "The time of day has no seconds; zeros were written."),
    "field.time-ambiguous": Kind(
        "warning", "102", "value", "The local time occurs twice or never at a change of clocks."
    ),
    "field.hour-24": Kind("warning", "102", "value", "Hour 24 was read as midnight of the next day."),
    "field.number-unreadable": Kind(
        "error", "102", "value", "The value is not a number of the form its element needs; it is left out."
    ),
    "field.number-as-text": Kind("warning", "102", "value", "The value is not a number and was kept as text."),
    "field.comparator-in-number": Kind(
        "warning", "102", "value", "A comparator stood in a numeric value and was taken out of it."
    ),
    "field.period-reversed": Kind("error", "102", "value", "The period ends before it begins; the end is left out."),
    "field.repetition-beyond": Kind(
        "warning", "198", "processing", "The element takes one value; further repetitions are not mapped."
    ),
    "field.unmapped": Kind("information", "", "informational", "A populated field has no home in the Bundle."),
    "field.cleared": Kind("information", "", "informational", "The sender cleared this field."),
    "field.boolean-unreadable": Kind("warning", "103", "code-invalid", "The value is neither Y nor N; it is left out."),
    "field.syntax": Kind("error", "102", "value", "The value does not obey the syntax of its element; it is left out."),
    "code.unmapped": Kind("information", "103", "code-invalid", "The code has no translation; it is kept as sent."),
    "code.unmapped-required": Kind(
        "warning",
        "103",
        "code-invalid",
        "The code has no translation and the element needs one; the original is kept in an extension.",
    ),
    "code.refused": Kind(
        "error",
        "103",
        "code-invalid",
        "The code has no translation and the policy for it is to refuse the message.",
        "Add the code to the sender's map and send the message again, or choose another policy (unmapped).",
    ),
    "code.inexact": Kind(
        "information",
        "103",
        "informational",
        "The code was translated to one that does not mean quite the same; the original stands beside it.",
    ),
    "code.inexact-kept": Kind(
        "information",
        "103",
        "informational",
        "The map has only a translation that does not mean quite the same; it was not applied.",
        "Allow its equivalence (equivalences) or map the code exactly.",
    ),
    "code.case": Kind("warning", "103", "code-invalid", "The code was matched without regard to case."),
    "code.system-unknown": Kind(
        "information",
        "199",
        "code-invalid",
        "The coding system has no URI; the code is kept without a system.",
        "Add the system to the site's systems.csv.",
    ),
    "terminology.remote": Kind(
        "information", "", "informational", "The translation came from the terminology server, not from a map of ours."
    ),
    "terminology.stale": Kind(
        "warning",
        "103",
        "code-invalid",
        "The terminology server cannot be reached; an earlier answer of it was used past its time.",
    ),
    "terminology.unreachable": Kind(
        "warning",
        "103",
        "incomplete",
        "The terminology server could not be asked for every code; those are kept as sent.",
        "Convert the message again when the server answers.",
    ),
    "identifier.system-unknown": Kind(
        "warning",
        "199",
        "code-invalid",
        "The assigning authority has no URI; the identifier is kept without a system.",
        "Add the authority to the site's authorities.csv.",
    ),
    "identifier.type-assumed": Kind(
        "information", "102", "value", "The universal id has no type that fits; it was read by its form."
    ),
    "identifier.oid-invalid": Kind(
        "warning", "102", "value", "The universal id does not obey the syntax of its type and is not used as a system."
    ),
    "unit.unknown": Kind(
        "warning",
        "103",
        "code-invalid",
        "The unit is not known as UCUM; it is kept as text.",
        "Add the spelling to the site's units.csv.",
    ),
    "value.type-unknown": Kind("warning", "102", "value", "OBX-2 is empty or unknown; the value is kept as text."),
    "value.type-mismatch": Kind("warning", "102", "value", "The value does not fit its type and is kept as text."),
    "value.too-long": Kind(
        "error",
        "104",
        "too-long",
        "The text is longer than a FHIR string may be; it is left out.",
        "Send it as a document (ED).",
    ),
    "value.base64-broken": Kind(
        "error", "102", "value", "The base64 data cannot be decoded; it is kept as received, as text."
    ),
    "value.content-type-conflict": Kind(
        "warning", "102", "value", "The document is of another type than the message says; the bytes decide."
    ),
    "value.url-relative": Kind("warning", "102", "value", "The pointer is not an absolute URI; it is kept as sent."),
    "order.status-unknown": Kind("warning", "103", "code-invalid", "The order control code tells no status."),
    "report.status-missing": Kind(
        "warning", "101", "required", "The result status is empty; it was taken from the results."
    ),
    "result.code-missing": Kind("error", "101", "required", "The observation has no identifier (OBX-3)."),
    "result.parent-missing": Kind("warning", "204", "not-found", "The parent result is not in this message."),
    "specimen.unresolved": Kind("information", "103", "incomplete", "Several specimens and no pointer to one of them."),
    "merge.incomplete": Kind(
        "error", "101", "required", "The merge names no second identifier; the message was converted as an update."
    ),
    "merge.source-unwritten": Kind(
        "warning",
        "199",
        "processing",
        "The identifier moved; the record that it left is named, not written.",
        "Take the identifier from that record at the receiver.",
    ),
    "merge.links-rewritten": Kind(
        "warning", "199", "processing", "Both records are written without links; other links of theirs may be lost."
    ),
    "person.contradiction": Kind(
        "warning", "103", "conflict", "One identifier stands for two different descriptions; the first was kept."
    ),
    "person.form": Kind(
        "information",
        "102",
        "value",
        "A person was written in another form than the type of the field; it was read all the same.",
    ),
    "organization.home": Kind(
        "information", "102", "invariant", "An organisation has no home; that use of its address or number is left out."
    ),
    "result.status-only": Kind(
        "information",
        "",
        "informational",
        "Only the status of an earlier result changes; nothing was written that would wipe its value.",
    ),
    "action.delete": Kind(
        "information", "", "informational", "The sender deleted this; the resource carries its end state."
    ),
    "protection.flag": Kind(
        "information", "", "informational", "A protection flag was carried into the security labels."
    ),
    # the Bundle
    "bundle.invalid": Kind(
        "fatal",
        "207",
        "invariant",
        "The Bundle would not be valid R4 and was not sent.",
        "Report this as a bug with the control id of the message.",
    ),
    "element.invariant": Kind("warning", "102", "invariant", "An element that R4 forbids here was left out."),
    # doors
    "internal": Kind("fatal", "207", "exception", "Internal error.", "Report the correlation id."),
    "frame.broken": Kind(
        "fatal",
        "199",
        "structure",
        "The MLLP frame was not complete.",
        "End each frame with FS and CR; send the message again.",
    ),
    "service.draining": Kind(
        "error", "207", "transient", "The service is stopping.", "Send the message again in a minute."
    ),
    "service.busy": Kind(
        "error",
        "207",
        "throttled",
        "The service is at its limit of conversions.",
        "Send the message again in a moment.",
    ),
    "store.unavailable": Kind(
        "error", "207", "transient", "The message could not be stored safely.", "Send the message again in a minute."
    ),
    "store.full": Kind(
        "error",
        "207",
        "transient",
        "The disk of the journal is nearly full.",
        "Send the message again later; make room on the journal's disk.",
    ),
    "conversion.budget": Kind(
        "error",
        "207",
        "timeout",
        "The message took more time or memory to convert than it may; it was set apart.",
        "Report this with the message's number in the journal.",
    ),
    "message.set-aside": Kind(
        "error",
        "207",
        "processing",
        "The message could not be processed and was set aside by a person.",
        "Ask the operators of the receiver.",
    ),
    "message.stale": Kind(
        "warning",
        "",
        "conflict",
        "A newer message about the same came before this one; it is kept and waits for a decision.",
        "Replay it with --stale, or set it aside with --ignore.",
    ),
    "control-id.reused": Kind(
        "warning", "205", "duplicate", "The control id was used before for another message; both are processed."
    ),
    "journal.absent": Kind(
        "error",
        "",
        "not-supported",
        "This service keeps no journal, so it can accept no message here.",
        "Start it with --journal, or convert without storing: POST /v1/convert.",
    ),
    "journal.unknown": Kind("error", "", "not-found", "The journal has no message of this number."),
    "journal.open": Kind("error", "", "conflict", "The message is still in work.", "Wait until it is done or held."),
    "journal.same": Kind(
        "error", "", "conflict", "These bytes are in the journal already.", "Replay the message instead."
    ),
    "journal.damaged": Kind(
        "fatal", "207", "exception", "The stored bytes of the message are not the ones that were received."
    ),
    "replay.stale": Kind(
        "error",
        "",
        "conflict",
        "Newer messages about the same patient were delivered since.",
        "Ask for stale=apply to send it all the same.",
    ),
    "delivery.transient": Kind(
        "error", "207", "transient", "The Bundle could not be handed on for now.", "Send the message again later."
    ),
    "delivery.refused": Kind(
        "error", "207", "processing", "The receiver refused the Bundle.", "See the receiver's answer in its own log."
    ),
    "terminology.code-unknown": Kind("error", "", "not-found", "The code is not in what is loaded."),
    "request.path": Kind(
        "error", "", "not-found", "There is nothing at this path.", "The two roots are /v1 and /fhir; see /docs."
    ),
    "request.method": Kind("error", "", "not-supported", "This path does not take this method."),
    "request.parameter-unknown": Kind("error", "", "not-supported", "A query parameter is not known."),
    "request.parameter-value": Kind("error", "", "value", "A parameter has a value that cannot be used."),
    "request.body": Kind("error", "", "structure", "The body cannot be read as what it claims to be."),
    "request.empty": Kind(
        "error", "", "required", "The body is empty.", "Send the message as body; with curl use --data-binary @FILE."
    ),
    "request.media-type": Kind("error", "", "not-supported", "The media type of the body is not taken here."),
    "request.not-acceptable": Kind("error", "", "not-supported", "None of the media types asked for can be made here."),
    "request.several-messages": Kind(
        "error",
        "",
        "not-supported",
        "The body holds several messages and one Bundle was asked for.",
        "Ask for application/x-ndjson or application/fhir+ndjson.",
    ),
    "request.pack": Kind("error", "", "conflict", "The mapping pack asked for is not the active one."),
    "inbox.off": Kind(
        "error",
        "",
        "not-supported",
        "No inbox of unmapped codes is kept here.",
        "Set inbox.url to a file or a database.",
    ),
    "inbox.unavailable": Kind(
        "error", "", "transient", "The inbox's database does not answer.", "Ask again in a minute."
    ),
    "inbox.unknown": Kind("error", "", "not-found", "There is no entry of this id.", "List them: GET /v1/unmapped."),
    "inbox.conflict": Kind("error", "", "conflict", "The entry has changed meanwhile.", "Read it again."),
    "inbox.decision": Kind("error", "", "business-rule", "This cannot be done with the entry."),
    "request.timeout": Kind("error", "", "timeout", "The body did not arrive in time."),
    "request.reference-foreign": Kind(
        "information", "", "informational", "The template reference of another product stands for the active pack."
    ),
    "request.input-type": Kind(
        "error", "", "not-supported", "Only Hl7v2 input can be converted.", "Set inputDataType to Hl7v2."
    ),
    "request.backslash-lost": Kind(
        "fatal",
        "199",
        "invalid",
        "MSH-2 lost its backslash on the way through JSON.",
        "Write it twice (^~\\\\&), or POST the bare message to /v1/convert.",
    ),
}
