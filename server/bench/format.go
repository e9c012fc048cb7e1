package main

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// thousands is a whole number with its digits in threes.
func thousands(x float64) string {
	digits := strconv.FormatFloat(math.Round(x), 'f', 0, 64)
	for at := len(digits) - 3; at > 0; at -= 3 {
		digits = digits[:at] + " " + digits[at:]
	}
	return digits
}

// significant has two digits that say something.
func significant(x float64) string {
	switch {
	case x == 0:
		return "0"
	case x >= 10:
		return thousands(x)
	}
	places := max(0, 1-int(math.Floor(math.Log10(math.Abs(x)))))
	text := strconv.FormatFloat(x, 'f', places, 64)
	if strings.Contains(text, ".") {
		text = strings.TrimRight(strings.TrimRight(text, "0"), ".")
	}
	return text
}

// percent is empty for 0.
func percent(part float64) string {
	if part == 0 {
		return ""
	}
	return fmt.Sprintf("%.0f %%", 100*part)
}

func sentence(s string) string { return strings.ToUpper(s[:1]) + s[1:] }
