package main

import (
	"fmt"
	"html"
	"math"
	"strings"
)

// drawing is an SVG in the making. It has a ground of its own, light or dark as the reader's system has it, so that it is readable on any
// page. Series differ by shape and not by colour alone.
type drawing struct {
	b             strings.Builder
	width, height int
}

const style = `text { font: 13px system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; fill: #24292f; }
    .title { font-weight: 600; font-size: 15px; }
    .small { font-size: 12px; fill: #57606a; }
    .value { font-size: 12px; paint-order: stroke; stroke: #ffffff; stroke-width: 4px; }
    .ground { fill: #ffffff; stroke: #d0d7de; }
    .grid { stroke: #d8dee4; }
    .band { fill: #f0f3f6; }
    .budget { stroke: #57606a; stroke-width: 2; }
    .a { fill: #0969da; stroke: #0969da; }
    .b { fill: #bc4c00; stroke: #bc4c00; }
    .c { fill: #1a7f37; stroke: #1a7f37; }
    .line { fill: none; stroke-width: 2; }
    @media (prefers-color-scheme: dark) {
      text { fill: #e6edf3; }
      .small { fill: #9198a1; }
      .value { stroke: #0d1117; }
      .ground { fill: #0d1117; stroke: #3d444d; }
      .grid { stroke: #2a313c; }
      .band { fill: #1b222c; }
      .budget { stroke: #9198a1; }
      .a { fill: #4493f8; stroke: #4493f8; }
      .b { fill: #f0883e; stroke: #f0883e; }
      .c { fill: #3fb950; stroke: #3fb950; }
      .line { fill: none; }
    }`

// series are the classes of up to three of them.
var series = []string{"a", "b", "c"}

func draw(title, description string, width, height int) *drawing {
	d := &drawing{width: width, height: height}
	d.put(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" role="img" aria-labelledby="title text">`, width,
		height, width, height)
	d.put(`  <title id="title">%s</title>`, html.EscapeString(title))
	d.put(`  <desc id="text">%s</desc>`, html.EscapeString(description))
	d.put("  <style>\n    %s\n  </style>", style)
	d.put(`  <rect class="ground" x="0.5" y="0.5" width="%d" height="%d" rx="8"/>`, width-1, height-1)
	d.text("title", 24, 32, "start", title)
	return d
}

func (d *drawing) put(format string, args ...any) {
	fmt.Fprintf(&d.b, format, args...)
	d.b.WriteByte('\n')
}

func (d *drawing) text(class string, x, y float64, anchor, text string) {
	d.put(`  <text class="%s" x="%s" y="%s" text-anchor="%s">%s</text>`, class, formatCoordinate(x), formatCoordinate(y), anchor,
		html.EscapeString(text))
}

func (d *drawing) line(class string, x1, y1, x2, y2 float64) {
	d.put(`  <path class="%s" d="M%s %sL%s %s"/>`, class, formatCoordinate(x1), formatCoordinate(y1), formatCoordinate(x2),
		formatCoordinate(y2))
}

func (d *drawing) rect(class string, x, y, width, height float64) {
	d.put(`  <rect class="%s" x="%s" y="%s" width="%s" height="%s"/>`, class, formatCoordinate(x), formatCoordinate(y),
		formatCoordinate(width), formatCoordinate(height))
}

// mark is one point of a series: a disc, a square or a diamond. What it stands for is told where a pointer rests on it.
func (d *drawing) mark(n int, x, y float64, says string) {
	const r = 5
	class, title := series[n%len(series)], "<title>"+html.EscapeString(says)+"</title>"
	switch n % len(series) {
	case 0:
		d.put(`  <circle class="%s" cx="%s" cy="%s" r="%d">%s</circle>`, class, formatCoordinate(x), formatCoordinate(y), r, title)
	case 1:
		d.put(`  <rect class="%s" x="%s" y="%s" width="%d" height="%d">%s</rect>`, class, formatCoordinate(x-r+.5), formatCoordinate(y-r+.5),
			2*r-1, 2*r-1, title)
	default:
		d.put(`  <path class="%s" d="M%s %sl6 6l-6 6l-6 -6z">%s</path>`, class, formatCoordinate(x), formatCoordinate(y-6), title)
	}
}

// legend names the series, up to the right end of the title's line.
func (d *drawing) legend(names ...string) {
	x := float64(d.width - 24)
	for _, name := range names {
		x -= legendWidth(name)
	}
	for n, name := range names {
		d.mark(n, x+24, 28, name)
		d.text("small", x+34, 32, "start", name)
		x += legendWidth(name)
	}
}

// legendWidth is about how much room a name takes in a legend.
func legendWidth(name string) float64 { return 34 + 6.6*float64(len([]rune(name))) }

func (d *drawing) end() string { return d.b.String() + "</svg>\n" }

// formatCoordinate is a coordinate, to a tenth.
func formatCoordinate(x float64) string { return strings.TrimSuffix(fmt.Sprintf("%.1f", x), ".0") }

// scale is a logarithmic axis.
type scale struct{ low, high, from, to float64 }

// logScale is one in whole powers of ten, or in ones, twos and fives of them, around all values.
func logScale(values []float64, from, to float64) scale {
	low, high := math.Inf(1), 0.
	for _, v := range values {
		if v > 0 {
			low, high = min(low, v), max(high, v)
		}
	}
	if high == 0 {
		low, high = 1, 10
	}
	return scale{nextTick(low, -1), nextTick(high, 1), from, to}
}

// nextTick is the next of the numbers 1, 2 and 5 times a power of ten below or above.
func nextTick(x float64, direction int) float64 {
	ten := math.Pow(10, math.Floor(math.Log10(x)))
	steps := []float64{1, 2, 5, 10}
	if direction > 0 {
		for _, s := range steps {
			if s*ten >= x*1.02 {
				return s * ten
			}
		}
		return 20 * ten
	}
	best := ten / 2
	for _, s := range steps {
		if s*ten <= x*.98 {
			best = s * ten
		}
	}
	return best
}

func (s scale) at(v float64) float64 {
	return s.from + (s.to-s.from)*math.Log(v/s.low)/math.Log(s.high/s.low)
}

// ticks are the powers of ten within the scale, and with them twos and fives where there is room.
func (s scale) ticks() (all []float64) {
	steps := []float64{1, 2, 5}
	if s.high/s.low > 2000 {
		steps = []float64{1}
	}
	for ten := math.Pow(10, math.Floor(math.Log10(s.low))); ten <= s.high; ten *= 10 {
		for _, step := range steps {
			if v := step * ten; v >= s.low*.999 && v <= s.high*1.001 {
				all = append(all, v)
			}
		}
	}
	return all
}
