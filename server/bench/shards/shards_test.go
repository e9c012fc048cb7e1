package main

import (
	"math"
	"os"
	"strings"
	"testing"
)

const page = "../../../docs/scaling.md"

// The page shows what the simulation says now.
func TestPageIsUpToDate(t *testing.T) {
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	if want := table(1); !strings.Contains(string(text), want) {
		t.Errorf("docs/scaling.md has another table than `go run ./server/bench/shards`:\n%s", want)
	}
}

// No work is lost or made up, whatever the popularity; and the hottest license cannot be spread further than its one meter.
func TestLoadIsWhole(t *testing.T) {
	hashed, ranged := spread(7)
	for _, p := range popularities {
		parts := p.parts()
		if sum := total(parts); math.Abs(sum-1) > 1e-9 {
			t.Errorf("%s: the licenses have %g of the requests", p.name, sum)
		}
		for _, where := range [][]places{hashed, ranged} {
			of, hottest := load(parts, where, 8)
			if sum := total(of); math.Abs(sum-1) > 1e-9 || hottest <= 0 || hottest >= 1 {
				t.Errorf("%s: the shards have %g of the work, the hottest meter %g of its shard", p.name, sum, hottest)
			}
		}
	}
}

func total(parts []float64) (sum float64) {
	for _, p := range parts {
		sum += p
	}
	return sum
}
