package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/format"
	"strings"
)

func goSource(rows []row) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "// %s\n\npackage license\n\n// The codes, by their classes in spec/verdicts.md.\nconst (\n", mark)
	for _, r := range rows {
		fmt.Fprintf(&b, "\tCode%s Code = %q // %s\n", camel(r.Code), r.Code, r.When)
	}
	b.WriteString(")\n\nvar verdicts = map[Code]Verdict{\n")
	for _, r := range rows {
		name := "Code" + camel(r.Code)
		fmt.Fprintf(&b, "\t%s: {Code: %s, Class: Class%s, AllowContinue: %t, OfflineTolerable: %t,\n\t\tMessage: %q,\n\t\tDo: %q},\n",
			name, name, camel(strings.ReplaceAll(r.Class, "-", "_")), r.AllowContinue, r.OfflineTolerable, r.Message, r.Do)
	}
	b.WriteString("}\n")
	out, err := format.Source(b.Bytes())
	if err != nil {
		panic(err) // the validated table always makes Go
	}
	return out
}

func pythonSource(rows []row) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, `# %s
"""The verdicts of One License: a constant for every code, and what each one means.

The same table in every language; spec/verdicts.md explains it. A code that is not
in the table, from a newer server, is transient and does not allow to continue.
"""

from typing import Dict, NamedTuple


class Verdict(NamedTuple):
    """One row of the table."""

    code: str
    cls: str
    allow_continue: bool
    message: str
    do: str


`, mark)
	for _, r := range rows {
		fmt.Fprintf(&b, "%s = %s\n", strings.ToUpper(r.Code), quote(r.Code))
	}
	b.WriteString("\n#: Every code with its verdict.\nVERDICTS: Dict[str, Verdict] = {\n")
	for _, r := range rows {
		allow := "False"
		if r.AllowContinue {
			allow = "True"
		}
		fmt.Fprintf(&b, "    %s: Verdict(\n        %s,\n        %s,\n        %s,\n        %s,\n        %s,\n    ),\n",
			strings.ToUpper(r.Code), strings.ToUpper(r.Code), quote(r.Class), allow, quote(r.Message), quote(r.Do))
	}
	fmt.Fprintf(&b, `}


def verdict(code: str) -> Verdict:
    """Look a code up; an unknown one is transient and does not allow to continue."""
    known = VERDICTS.get(code)
    if known is not None:
        return known
    return Verdict(code, "transient", False, %s, %s)
`, quote(unknownMessage), quote(unknownDo))
	return b.Bytes()
}

// The texts of an unknown code in every language; license.Code.Verdict has the same.
const (
	unknownMessage = "The server gave a reason that this program does not know."
	unknownDo      = "update the program"
)

func javascriptSource(rows []row) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, `// %s

/**
 * The verdicts of One License: every code and what it means. The same table in every language; spec/verdicts.md explains it.
 *
 * @typedef {"ok"|"final"|"retry-at"|"recover"|"request"|"transient"|"file"|"usage"} VerdictClass
 * @typedef {{code: string, class: VerdictClass, allowContinue: boolean, message: string, do: string}} Verdict
 */

/** The codes by their names, to compare with. */
export const codes = Object.freeze({
`, mark)
	for _, r := range rows {
		fmt.Fprintf(&b, "  %s: %s,\n", strings.ToUpper(r.Code), quote(r.Code))
	}
	b.WriteString("});\n\n/** @type {Readonly<Record<string, Readonly<Verdict>>>} */\nexport const verdicts = Object.freeze({\n")
	for _, r := range rows {
		fmt.Fprintf(&b, "  %s: Object.freeze({ code: %s, class: %s, allowContinue: %t, message: %s, do: %s }),\n",
			r.Code, quote(r.Code), quote(r.Class), r.AllowContinue, quote(r.Message), quote(r.Do))
	}
	fmt.Fprintf(&b, `});

/**
 * Looks a code up. An unknown one, from a server newer than this program, is transient and does not allow to continue.
 * @param {string} code
 * @returns {Readonly<Verdict>}
 */
export function verdict(code) {
  return Object.hasOwn(verdicts, code)
    ? verdicts[code]
    : { code, class: "transient", allowContinue: false, message: %s, do: %s };
}
`, quote(unknownMessage), quote(unknownDo))
	return b.Bytes()
}

func typescriptSource(rows []row) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, `// %s

export type VerdictClass = "ok" | "final" | "retry-at" | "recover" | "request" | "transient" | "file" | "usage";

/** The codes of this version of the table; a newer server may send others. */
export type Code =
`, mark)
	for _, r := range rows {
		fmt.Fprintf(&b, "  | %s\n", quote(r.Code))
	}
	b.WriteString(`;

/** One row of the table; spec/verdicts.md explains it. */
export interface Verdict {
  code: string;
  class: VerdictClass;
  allowContinue: boolean;
  message: string;
  do: string;
}

/** The codes by their names, to compare with. */
export const codes: Readonly<{
`)
	for _, r := range rows {
		fmt.Fprintf(&b, "  %s: %s;\n", strings.ToUpper(r.Code), quote(r.Code))
	}
	b.WriteString(`}>;

export const verdicts: Readonly<Record<Code, Readonly<Verdict>>>;

/** Looks a code up. An unknown one is transient and does not allow to continue. */
export function verdict(code: string): Readonly<Verdict>;
`)
	return b.Bytes()
}

// quote returns a string literal for Python and JavaScript.
func quote(s string) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(s); err != nil {
		panic(err) // a string always encodes
	}
	return strings.TrimSuffix(b.String(), "\n")
}
