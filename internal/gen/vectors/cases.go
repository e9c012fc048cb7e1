package main

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"strings"
	"time"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/pgp"
)

// The text that most vectors sign: the first three lines of the example in spec/license-file.md.
const (
	line1     = "5edb1264cc150913cb7640f8\n"
	line2     = "ui,automation\n"
	line3     = "solid_modeling:5,rendering,part_operations:2\n"
	plainText = line1 + line2 + line3
)

// vectorList collects vectors; by default they are opened with the product's keyring.
type vectorList struct {
	vectors []vector
	keyring string
	now     time.Time
}

func (l *vectorList) add(name string, code license.Code, file []byte, note string) {
	l.vectors = append(l.vectors, vector{Name: name, Note: note, Keyring: l.keyring, Now: l.now, Code: code, bytes: file})
}

func (l *vectorList) use(keyring string, at time.Time) { l.keyring, l.now = keyring, at }

// fileOf joins a text and a signature packet.
func fileOf(text string, packet []byte) []byte {
	return []byte(text + base64.StdEncoding.EncodeToString(packet) + "\n")
}

// textAsHashed returns the text in the form that a text signature hashes.
func textAsHashed(text string) []byte { return []byte(strings.ReplaceAll(text, "\n", "\r\n")) }

func cases() (map[string][]byte, []vector) {
	keys := keysOf("product")
	root, file, lease := keys[0], keys[1], keys[2]
	normal := signature{kind: textType, hash: sha256n, created: signed}
	seal := func(text string) []byte { return fileOf(text, normal.packet(file, textAsHashed(text))) }
	plain := seal(plainText)
	packetOf := func(s signature, by key) []byte { return s.packet(by, textAsHashed(plainText)) }

	l := &vectorList{keyring: "product.asc", now: now}
	fileForms(l, plain, seal)
	claims(l, seal)
	encodings(l, plain, normal.packet(file, textAsHashed(plainText)), normal.body(file, textAsHashed(plainText)))
	packets(l, packetOf, normal, file, lease, root)
	keyrings := times(l, packetOf, normal, file)
	certificates(l, keyrings, normal)
	return keyrings, l.vectors
}

// fileForms adds vectors about the bytes and lines of a file.
func fileForms(l *vectorList, plain []byte, seal func(string) []byte) {
	swap := func(before, after string) []byte { return bytes.Replace(plain, []byte(before), []byte(after), 1) }
	crlf := bytes.ReplaceAll(plain, []byte("\n"), []byte("\r\n"))
	half := bytes.TrimSuffix(plain, []byte("\n"))

	l.add("plain", "ok", plain, "the example of spec/license-file.md")
	l.add("crlf", "ok", crlf, "every line end CRLF")
	l.add("missing_last_newline", "ok", half, "the line end after the signature is missing")
	l.add("crlf_missing_last_newline", "ok", bytes.TrimSuffix(crlf, []byte("\r\n")), "CRLF, and the last line end is missing")

	l.add("mixed_line_ends", "file_lines", swap(line1, strings.Replace(line1, "\n", "\r\n", 1)), "one line end CRLF, the others LF")
	l.add("mixed_last_line_end", "file_lines", append(bytes.Clone(half), "\r\n"...), "LF, but CRLF at the end")
	l.add("lone_cr", "file_lines", bytes.ReplaceAll(plain, []byte("\n"), []byte("\r")), "line ends of old Macs")
	l.add("cr_cr_lf", "file_lines", bytes.ReplaceAll(plain, []byte("\n"), []byte("\r\r\n")), "line ends converted twice")
	l.add("cr_at_the_end", "file_lines", append(bytes.Clone(half), '\r'), "a CR alone at the end")
	l.add("empty", "file_lines", nil, "no byte at all")
	l.add("one_newline", "file_lines", []byte("\n"), "one empty line")
	l.add("three_lines", "file_lines", []byte(plainText), "the signature is missing")
	l.add("blank_line_at_the_end", "file_lines", append(bytes.Clone(plain), '\n'), "an empty fifth line")
	l.add("blank_line_at_the_start", "file_lines", append([]byte("\n"), plain...), "an empty line before the id")
	l.add("fifth_line", "file_lines", append(bytes.Clone(plain), "everything:9\n"...), "a line after the signature")
	l.add("two_signature_lines", "file_lines", append(bytes.Clone(plain), plain[len(plainText):]...), "the signature line twice")
	l.add("only_signature", "file_lines", plain[len(plainText):], "line 4 alone")

	l.add("nul_byte", "file_byte", swap("rendering", "render\x00ng"), "a NUL in line 3")
	l.add("nul_then_entitlement", "file_byte", swap("part_operations:2", "part_operations:2\x00,everything"), "what a C string would not see")
	l.add("bom", "file_byte", append([]byte("\xef\xbb\xbf"), plain...), "a byte order mark, as some editors write")
	l.add("trailing_blank", "file_byte", swap("automation\n", "automation \n"), "a blank at the end of line 2")
	l.add("blank_after_comma", "file_byte", seal(strings.Replace(plainText, "ui,", "ui, ", 1)), "a blank in a list, correctly signed")
	l.add("tab", "file_byte", swap("ui,automation", "ui,\tautomation"), "a tab")
	l.add("form_feed", "file_byte", append(bytes.Clone(plain), '\f'), "a form feed at the end")
	l.add("delete_byte", "file_byte", swap("ui", "u\x7f"), "0x7f")
	l.add("latin1", "file_byte", seal(strings.Replace(plainText, "ui", "\xfci", 1)), "a byte above 0x7f, correctly signed")
	l.add("cyrillic_look_alike", "file_byte", seal(strings.Replace(plainText, "automation", "аutomation", 1)),
		"a letter that looks like a, correctly signed")
	l.add("utf16", "file_byte", append([]byte("\xff\xfe"), bytes.ReplaceAll(plain, []byte("\n"), []byte("\n\x00"))...), "saved as UTF-16")
	l.add("nothing_but_nul", "file_byte", make([]byte, 300), "a file that lost its content in a crash")

	l.add("huge", "file_too_large", bytes.Repeat([]byte("a"), license.MaxFile+1), "one byte more than any license may have")
	l.add("largest", "file_lines", bytes.Repeat([]byte("a"), license.MaxFile), "as large as a license may be, but no license")

	l.add("changed_line_1", "signature_invalid", swap("5edb", "5edc"), "one digit of the id changed")
	l.add("changed_line_2", "signature_invalid", swap("ui,", "uj,"), "one letter of a context changed")
	l.add("changed_line_3", "signature_invalid", swap("modeling:5", "modeling:6"), "one more slot")
	l.add("added_entitlement", "signature_invalid", swap("part_operations:2", "part_operations:2,everything"), "one more entitlement")
	l.add("swapped_lines", "signature_invalid", bytes.Replace(plain, []byte(line2+line3), []byte(line3+line2), 1), "lines 2 and 3 swapped")
	l.add("signature_of_another_text", "signature_invalid",
		append([]byte(plainText), seal(strings.Replace(plainText, ":5", ":4",
			1))[len(plainText):]...), "the signature belongs to another license")
}

// claims adds vectors whose text is signed correctly but is not that of a license.
func claims(l *vectorList, seal func(string) []byte) {
	with := func(id, contexts, entitlements string) []byte {
		return seal(id + "\n" + contexts + "\n" + entitlements + "\n")
	}
	const id = "5edb1264cc150913cb7640f8"
	many := func(n int, suffix string) string {
		names := make([]string, n)
		for i := range names {
			names[i] = fmt.Sprintf("n%03d", i) + suffix
		}
		return strings.Join(names, ",")
	}
	long := strings.Repeat("x", 60)
	l.add("single_items", "ok", with(id, "a", "b"), "the smallest license")
	l.add("limits_reached", "ok", with(id, many(64, long), many(256, long+":1000000")), "as many, as long and as high as allowed")
	l.add("all_name_bytes", "ok", with("0123456789abcdefabcdef01", "A-1_b.c,0", "Z.-_9:1"), "every kind of byte that a name may have")

	l.add("uppercase_id", "file_id", with(strings.ToUpper(id), "ui", "a"), "the id in capitals")
	l.add("short_id", "file_id", with(id[1:], "ui", "a"), "23 digits")
	l.add("long_id", "file_id", with(id+"0", "ui", "a"), "25 digits")
	l.add("no_hex_id", "file_id", with("g"+id[1:], "ui", "a"), "a letter that is no hex digit")
	l.add("empty_id", "file_id", with("", "ui", "a"), "an empty line 1")

	l.add("no_contexts", "file_contexts", with(id, "", "a"), "an empty line 2")
	l.add("empty_context", "file_contexts", with(id, "ui,,batch", "a"), "an empty item")
	l.add("context_comma_at_the_end", "file_contexts", with(id, "ui,", "a"), "a comma at the end")
	l.add("duplicate_context", "file_contexts", with(id, "ui,batch,ui", "a"), "a context twice")
	l.add("context_with_slots", "file_contexts", with(id, "ui:2", "a"), "contexts have no slots")
	l.add("context_starts_with_dash", "file_contexts", with(id, "-ui", "a"), "a name begins with a letter or digit")
	l.add("context_too_long", "file_contexts", with(id, strings.Repeat("x", 65), "a"), "65 bytes")
	l.add("context_with_slash", "file_contexts", with(id, "ui/batch", "a"), "a byte that names do not have")

	l.add("no_entitlements", "file_entitlements", with(id, "ui", ""), "an empty line 3")
	l.add("empty_entitlement", "file_entitlements", with(id, "ui", "a,,b"), "an empty item")
	l.add("entitlement_comma_at_the_start", "file_entitlements", with(id, "ui", ",a"), "a comma at the start")
	l.add("duplicate_entitlement", "file_entitlements", with(id, "ui", "a:1,b,a:9"), "an entitlement twice, with other slots")
	l.add("entitlement_too_long", "file_entitlements", with(id, "ui", strings.Repeat("x", 65)), "65 bytes")
	l.add("slots_zero", "file_entitlements", with(id, "ui", "a:0"), "0 slots would be no entitlement")
	l.add("slots_leading_zero", "file_entitlements", with(id, "ui", "a:05"), "a second way to write 5")
	l.add("slots_negative", "file_entitlements", with(id, "ui", "a:-5"), "a negative number")
	l.add("slots_plus", "file_entitlements", with(id, "ui", "a:+5"), "a sign")
	l.add("slots_too_many", "file_entitlements", with(id, "ui", "a:1000001"), "one more than allowed")
	l.add("slots_overflow", "file_entitlements", with(id, "ui", "a:18446744073709551617"), "1, for who counts with 64 bits")
	l.add("slots_missing", "file_entitlements", with(id, "ui", "a:"), "a colon without number")
	l.add("slots_hex", "file_entitlements", with(id, "ui", "a:0x5"), "another base")
	l.add("slots_fraction", "file_entitlements", with(id, "ui", "a:1.5"), "half a slot")
	l.add("slots_underscore", "file_entitlements", with(id, "ui", "a:1_000"), "what some languages read as 1000")
	l.add("slots_twice", "file_entitlements", with(id, "ui", "a:1:2"), "two numbers")
	l.add("slots_without_name", "file_entitlements", with(id, "ui", ":5"), "a number without name")

	l.add("too_many_contexts", "file_too_many_items", with(id, many(65, ""), "a"), "65 contexts")
	l.add("too_many_entitlements", "file_too_many_items", with(id, "ui", many(257, "")), "257 entitlements")
}

// encodings adds vectors about line 4 as text, and about the packet's frame.
func encodings(l *vectorList, plain, packetBytes, body []byte) {
	line := func(s string) []byte { return []byte(plainText + s + "\n") }
	good := base64.StdEncoding.EncodeToString(packetBytes)
	l.add("base64_empty", "signature_encoding", line(""), "an empty line 4")
	l.add("base64_truncated", "signature_encoding", line(good[:len(good)-1]), "the last character is missing")
	l.add("base64_newline", "file_lines", line(good[:64]+"\n"+good[64:]), "the signature wrapped, as openssl does")
	l.add("base64_blank", "file_byte", line(good[:64]+" "+good[64:]), "a blank in the signature")
	l.add("base64_url_safe", "signature_encoding", line(base64.URLEncoding.EncodeToString(append([]byte{0xfb, 0xff}, packetBytes...))),
		"the alphabet for addresses")
	l.add("base64_without_padding", "signature_encoding", line(base64.RawStdEncoding.EncodeToString(append(bytes.Clone(packetBytes), 0))),
		"the = are missing")
	l.add("base64_not_canonical", "signature_encoding", line(looseBits(packetBytes)), "bits set that belong to no byte")
	l.add("base64_padding_in_the_middle", "signature_encoding", line("wg=="+good[4:]), "two pieces of base64 in a row")
	l.add("hex", "signature_format", line(fmt.Sprintf("%x", packetBytes)+strings.Repeat("0", (4-2*len(packetBytes)%4)%4)),
		"hexadecimal, which is base64 of something else")
	l.add("armored_in_base64", "signature_format",
		line(base64.StdEncoding.EncodeToString([]byte("-----BEGIN PGP SIGNATURE-----\n\n"+good+"\n-----END PGP SIGNATURE-----\n"))),
		"base64 of an armored signature")
	l.add("two_signatures", "signature_format", fileOf(plainText, concat(packetBytes, packetBytes)),
		"two packets; GnuPG and libraries accept them")
	l.add("garbage_after_the_signature", "signature_format", fileOf(plainText, append(bytes.Clone(packetBytes), "garbage"...)),
		"bytes after the packet")
	l.add("garbage_in_the_packet", "signature_format", fileOf(plainText, packet(2, append(bytes.Clone(body), 0))),
		"bytes after the signature, inside its packet")
	l.add("packet_truncated", "signature_format", fileOf(plainText, packetBytes[:len(packetBytes)-1]), "the packet says more than there is")
	l.add("marker_before_the_signature", "signature_format", fileOf(plainText, concat(packet(10, []byte("PGP")), packetBytes)),
		"a packet that OpenPGP ignores")
	l.add("literal_packet", "signature_format", fileOf(plainText, packet(11, append([]byte("t\x00\x00\x00\x00\x00"), plainText...))),
		"another packet")
	l.add("indeterminate_length", "signature_format", fileOf(plainText, append([]byte{0x8b}, body...)),
		"a packet that ends where the input ends")
	l.add("old_header", "ok", fileOf(plainText, append([]byte{0x88, byte(len(body))}, body...)), "the header that GnuPG writes")
	l.add("number_with_leading_zeros", "signature_format", fileOf(plainText, packet(2, padded(body))),
		"the same number, one bit longer by its word")
	l.add("hash_tag_changed", "signature_invalid", fileOf(plainText, packet(2, tagged(body))),
		"the two bytes of the hash in the packet differ")
}

// looseBits encodes bytes so that the last character has bits that belong to no byte.
func looseBits(b []byte) string {
	for len(b)%3 != 1 {
		b = append(bytes.Clone(b), 0)
	}
	s := base64.StdEncoding.EncodeToString(b)
	last := s[len(s)-3]
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	return s[:len(s)-3] + string(alphabet[strings.IndexByte(alphabet, last)|1]) + "=="
}

// numbersAt returns the offset of the two bytes of the hash; the unhashed area of the packets here is empty.
func numbersAt(body []byte) int { return 6 + int(body[4])<<8 + int(body[5]) + 2 }

func padded(body []byte) []byte {
	at := numbersAt(body) + 2
	b := bytes.Clone(body)
	size := int(b[at])<<8 | int(b[at+1])
	if size%8 == 0 {
		return concat(b[:at], []byte{byte((size + 8) >> 8), byte(size + 8), 0}, b[at+2:])
	}
	b[at], b[at+1] = byte((size+1)>>8), byte(size+1)
	return b
}

func tagged(body []byte) []byte {
	b := bytes.Clone(body)
	b[numbersAt(body)] ^= 1
	return b
}

// packets adds vectors about the contents of the signature packet.
func packets(l *vectorList, packetOf func(signature, key) []byte, normal signature, file, lease, root key) {
	add := func(name string, code license.Code, s signature, by key, note string) {
		l.add(name, code, fileOf(plainText, packetOf(s, by)), note)
	}
	with := func(change func(*signature)) signature {
		s := normal
		change(&s)
		return s
	}
	other := keysOf("other")[1]
	add("sha384", "ok", with(func(s *signature) { s.hash = sha384n }), file, "SHA-384")
	add("sha512", "ok", with(func(s *signature) { s.hash = sha512n }), file, "SHA-512")
	add("sha1", "signature_algorithm", with(func(s *signature) { s.hash = sha1n }), file, "SHA-1")
	add("sha224", "signature_algorithm", with(func(s *signature) { s.hash = sha224n }), file, "SHA-224")

	l.add("binary_type", "signature_type", fileOf(plainText,
		signature{kind: binaryType, hash: sha256n, created: signed}.packet(file, []byte(plainText))), "signed as a binary document")
	l.add("lease_signature", "signature_type",
		fileOf(plainText, signature{kind: binaryType, hash: sha256n, created: signed}.packet(lease,
			[]byte(plainText))), "what a server signs leases with")
	add("standalone_type", "signature_type", with(func(s *signature) { s.kind = 0x02 }), file, "a signature over nothing")
	add("certification_type", "signature_type", with(func(s *signature) { s.kind = certification }), file, "a certification of a user id")

	add("lease_key", "key_use", normal, lease, "the lease key signs a file")
	add("root_signs", "key_use", normal, root, "the primary key only certifies")
	add("another_products_key", "key_unknown", normal, other, "a genuine license of another product")
	add("foreign_key_with_our_issuer", "signature_invalid", with(func(s *signature) { s.issuer = [][]byte{issuerFingerprint(file)} }), other,
		"another key that claims to be ours")

	add("issuer_key_id_only", "ok", with(func(s *signature) { s.issuer = [][]byte{issuerID(file)} }), file,
		"a key id instead of the fingerprint")
	add("issuer_both", "ok", with(func(s *signature) { s.issuer = [][]byte{issuerFingerprint(file), issuerID(file)} }), file,
		"key id and fingerprint")
	add("issuer_missing", "key_unknown", with(func(s *signature) { s.issuer = [][]byte{} }), file, "no issuer at all")
	add("issuer_unhashed_only", "key_unknown", with(func(s *signature) {
		s.issuer, s.unhashed = [][]byte{}, [][]byte{issuerFingerprint(file)}
	}), file, "the issuer stands where anybody may write")
	add("issuer_unhashed_of_another", "ok", with(func(s *signature) { s.unhashed = [][]byte{issuerFingerprint(other), issuerID(other)} }),
		file, "unhashed subpackets are ignored")
	add("issuer_unhashed_ours", "key_unknown", with(func(s *signature) { s.unhashed = [][]byte{issuerFingerprint(file)} }), other,
		"unhashed subpackets are ignored")
	add("issuer_twice", "signature_format", with(func(s *signature) {
		s.issuer = [][]byte{issuerFingerprint(other),
			issuerFingerprint(file)}
	}), file, "two issuers")
	add("created_twice", "signature_format", with(func(s *signature) { s.hashed = [][]byte{seconds(2, 0)} }), file, "two creation times")
	add("critical_unknown", "signature_format", with(func(s *signature) { s.hashed = [][]byte{subpacket(0x80|100, nil)} }), file,
		"a critical subpacket that nobody knows")
	add("critical_notation", "signature_format",
		with(func(s *signature) {
			s.hashed = [][]byte{notation(0x80|20, "only@example.com",
				"mondays")}
		}), file, "a critical notation that nobody knows")
	add("notation", "ok", with(func(s *signature) { s.hashed = [][]byte{notation(20, "order@example.com", "4711")} }), file,
		"a notation that is not critical means nothing")
	add("unhashed_expiration", "ok", with(func(s *signature) { s.unhashed = [][]byte{seconds(3, time.Second)} }), file,
		"an end that nobody signed")
}

// times adds vectors about the times of signatures and keys, and returns the keyrings that they need.
func times(l *vectorList, packetOf func(signature, key) []byte, normal signature, file key) map[string][]byte {
	product := generate("product")
	fileKey := product.Public().Keys(now)[1].Fingerprint
	rotation := born.Add(100 * day)
	rotated := must(product.AddKey(license.UseFile, random("second file key"), rotation))
	keyrings := map[string][]byte{
		"product.asc":          armor(product.Public().Certificate()),
		"other.asc":            armor(generate("other").Public().Certificate()),
		"superseded.asc":       armor(must(rotated.Revoke(fileKey, pgp.ReasonSuperseded, rotation)).Public().Certificate()),
		"retired.asc":          armor(must(product.Revoke(fileKey, pgp.ReasonRetired, rotation)).Public().Certificate()),
		"compromised.asc":      armor(must(product.Revoke(fileKey, pgp.ReasonCompromised, rotation)).Public().Certificate()),
		"revoked.asc":          armor(must(product.Revoke(fileKey, 0, rotation)).Public().Certificate()),
		"root_superseded.asc":  armor(must(product.Revoke(product.Public().Root(), pgp.ReasonSuperseded, rotation)).Public().Certificate()),
		"root_compromised.asc": armor(must(product.Revoke(product.Public().Root(), pgp.ReasonCompromised, rotation)).Public().Certificate()),
		"two_certificates.asc": armor(concat(product.Public().Certificate(), generate("other").Public().Certificate())),
	}
	at := func(t time.Time, more ...[]byte) []byte {
		s := normal
		s.created, s.hashed = t, more
		return fileOf(plainText, packetOf(s, file))
	}
	l.add("future_within_tolerance", "ok", at(now.Add(5*time.Minute)), "clocks differ by minutes")
	l.add("future", "signature_future", at(now.Add(5*time.Minute+time.Second)), "made after now, beyond the tolerance")
	l.add("future_by_years", "signature_future", at(now.Add(3650*day)), "made in ten years")
	l.add("older_than_its_key", "key_expired", at(born.Add(-time.Second)), "made before its key was")
	l.add("expiration_in_time", "ok", at(signed, seconds(3, 2*day)), "the signature ends tomorrow")
	l.add("expiration_passed", "signature_expired", at(signed, seconds(3, day)), "the signature ends now")
	l.add("expiration_zero", "ok", at(signed, seconds(3, 0)), "0 means never")
	l.use("product.asc", born.Add(-3650*day))
	l.add("clock_unset", "signature_future", at(signed), "the clock of the computer is years behind")

	later := rotation.Add(10 * day)
	l.use("superseded.asc", later)
	l.add("superseded_before", "ok", at(rotation.Add(-time.Second)), "signed before the key was superseded")
	l.add("superseded_at_once", "key_retired", at(rotation), "signed in the same second")
	l.add("superseded_after", "key_retired", at(rotation.Add(day)), "signed by the old key after it was superseded")
	l.add("successor", "ok", must(license.Seal(must(license.ParseClaims([]byte(plainText))), rotated, rotation.Add(day))),
		"signed by the new key")
	l.use("product.asc", later)
	l.add("successor_not_known_yet", "key_unknown",
		must(license.Seal(must(license.ParseClaims([]byte(plainText))), rotated, rotation.Add(day))), "the new key, but the old keyring")
	l.use("retired.asc", later)
	l.add("retired_before", "ok", at(signed), "signed before the key was retired")
	l.add("retired_after", "key_retired", at(rotation.Add(day)), "signed after the key was retired")
	l.use("compromised.asc", later)
	l.add("compromised_before", "key_compromised", at(signed), "nothing a stolen key signed is accepted: the thief can write any date")
	l.use("revoked.asc", later)
	l.add("revoked_without_reason", "key_compromised", at(signed), "no reason counts as compromised")
	l.use("root_superseded.asc", later)
	l.add("root_superseded_before", "ok", at(signed), "signed before the root was superseded")
	l.add("root_superseded_after", "key_retired", at(rotation.Add(day)), "signed after it")
	l.use("root_compromised.asc", later)
	l.add("root_compromised", "key_compromised", at(signed), "with the root all its keys are lost")
	l.use("two_certificates.asc", now)
	l.add("two_certificates", "keyring_invalid", at(signed), "a keyring is one certificate")
	l.use("other.asc", now)
	l.add("another_products_keyring", "key_unknown", at(signed), "a genuine file, opened by another product")
	return keyrings
}

// certificates adds vectors with keyrings that Generate would not make.
func certificates(l *vectorList, keyrings map[string][]byte, normal signature) {
	use := func(value string) []byte { return notation(20, pgp.Notation, value) }
	sign := flags(2)
	for _, c := range []struct {
		name, note         string
		code               license.Code
		version, algorithm byte
		change             func(*craftedCertificate)
		now                time.Time
	}{
		{"v6_key", "a version 6 certificate (RFC 9580)", "ok", 6, ed25519v,
			func(c *craftedCertificate) { c.binding = [][]byte{sign, use("file")} }, now},
		{"v4_ed25519", "version 4 with the new number of Ed25519", "ok", 4, ed25519v,
			func(c *craftedCertificate) { c.binding = [][]byte{sign, use("file")} }, now},
		{"no_notation", "a key without notation is good for files", "ok", 4, eddsaLegacy,
			func(c *craftedCertificate) { c.binding = [][]byte{sign} }, now},
		{"two_uses", "a key for leases and files", "ok", 4, eddsaLegacy,
			func(c *craftedCertificate) { c.binding = [][]byte{sign, use("lease"), use("file")} }, now},
		{"notation_unknown", "a key for a use from the future", "key_use", 4, eddsaLegacy,
			func(c *craftedCertificate) { c.binding = [][]byte{sign, use("firmware")} }, now},
		{"notation_unhashed", "a use that the root did not sign counts as none", "key_use", 4, eddsaLegacy, func(c *craftedCertificate) {
			c.binding, c.loose = [][]byte{sign, use("lease")}, [][]byte{use("file")}
		}, now},
		{"no_sign_flag", "a key that is not for signing", "key_use", 4, eddsaLegacy,
			func(c *craftedCertificate) { c.binding = [][]byte{flags(0x0c)} }, now},
		{"no_back_signature", "a key that did not sign back may be somebody else's", "key_unknown", 4, eddsaLegacy, func(c *craftedCertificate) {
			c.binding, c.unsigned = [][]byte{sign, use("file")}, true
		}, now},
		{"binding_by_sha1", "a binding whose hash can be forged", "key_unknown", 4, eddsaLegacy, func(c *craftedCertificate) {
			c.binding, c.hash = [][]byte{sign, use("file")}, sha1n
		}, now},
		{"key_in_time", "the key ends, but not yet", "ok", 4, eddsaLegacy,
			func(c *craftedCertificate) { c.binding = [][]byte{sign, use("file"), seconds(9, 30*day)} }, now},
		{"key_expired", "signed in time by a key that is expired now", "key_expired", 4, eddsaLegacy,
			func(c *craftedCertificate) { c.binding = [][]byte{sign, use("file"), seconds(9, 30*day)} }, born.Add(30 * day)},
		{"key_expired_before", "signed by a key that was expired", "key_expired", 4, eddsaLegacy,
			func(c *craftedCertificate) { c.binding = [][]byte{sign, use("file"), seconds(9, day/2)} }, now},
		{"binding_expired", "the binding of the key has run out", "key_expired", 4, eddsaLegacy,
			func(c *craftedCertificate) { c.binding = [][]byte{sign, use("file"), seconds(3, day/2)} }, now},
		{"root_expired", "the root is expired now", "key_expired", 4, eddsaLegacy, func(c *craftedCertificate) {
			c.binding, c.self = [][]byte{sign, use("file")}, [][]byte{seconds(9, 30*day)}
		}, born.Add(30 * day)},
		{"v6_root_expired", "the root of a version 6 certificate is expired now", "key_expired", 6, ed25519v, func(c *craftedCertificate) {
			c.binding, c.self = [][]byte{sign, use("file")}, [][]byte{seconds(9, 30*day)}
		}, born.Add(30 * day)},
	} {
		var cert craftedCertificate
		cert.root, cert.file = keyPair(c.version, c.algorithm, c.name)
		c.change(&cert)
		keyring := c.name + ".asc"
		keyrings[keyring] = armor(cert.certificate(c.name))
		l.use(keyring, c.now)
		l.add(c.name, c.code, fileOf(plainText, normal.packet(cert.file, textAsHashed(plainText))), c.note)
	}
}
