// Command shards works out how evenly a sharded cluster is loaded: licenses of realistic popularity are spread over shards by the _ids
// that the store gives its documents, once hashed and once ranged, and each request's reads and writes are counted where they land. It
// prints the table of docs/scaling.md. The same seed gives the same table.
//
//	go run ./server/bench/shards
package main

import (
	"crypto/md5"
	"encoding/binary"
	"flag"
	"fmt"
	"math"
	"math/bits"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
)

func main() {
	seed := flag.Uint64("seed", 1, "of everything that is random")
	flag.Parse()
	fmt.Fprint(os.Stdout, table(*seed))
}

// The world: how many licenses there are, and how many installations each has.
const (
	licenses      = 100_000
	installations = 10
)

// What one sync with usage costs the documents that it reads and writes: docs/scaling.md has the numbers, a test counts them. All licenses
// are of one product and version, as a small vendor's are.
const (
	write        = 4 // reads: it goes to a journal and to other servers. An assumption
	onActivation = 2 + 2*write
	onMeter      = 1 + write
	onLicense    = 2
	onProduct    = 1
	onVersion    = 1
	onAll        = onActivation + onMeter + onLicense + onProduct + onVersion
)

// requestShare maps the rank of a license, the most popular first, to its part of all requests.
type requestShare struct {
	name string
	of   func(rank int) float64 // to be scaled
	hot  float64                // the first one's part; 0: as the others' law has it
}

var popularities = []requestShare{
	{"all alike", func(int) float64 { return 1 }, 0},
	{"Zipf, s = 0.8", zipf(.8), 0},
	{"Zipf, s = 1", zipf(1), 0},
	{"one license has a third", zipf(.8), 1. / 3},
}

func zipf(s float64) func(int) float64 {
	return func(rank int) float64 { return math.Pow(float64(rank+1), -s) }
}

// parts are those of all licenses; they sum to 1.
func (p requestShare) parts() []float64 {
	all, sum := make([]float64, licenses), 0.
	for rank := range all {
		all[rank] = p.of(rank)
		sum += all[rank]
	}
	for rank := range all {
		all[rank] /= sum
	}
	if p.hot > 0 {
		rest := (1 - p.hot) / (1 - all[0])
		for rank := range all {
			all[rank] *= rest
		}
		all[0] = p.hot
	}
	return all
}

// places are the positions of one license in the range of a shard key, from 0 to 2^64: of its meter, which has the license's
// _id, and its activations.
type places struct {
	meter       uint64
	activations [installations]uint64
}

// spread gives each license an id at random and finds its places: hashed, each document by itself, as MongoDB's hashed index does, by the
// first eight bytes of an MD5; ranged, what begins with one license's id together.
func spread(seed uint64) (hashed, ranged []places) {
	random := rand.New(rand.NewPCG(seed, 0))
	hashed, ranged = make([]places, licenses), make([]places, licenses)
	for n := range licenses {
		first := random.Uint64()
		id := fmt.Sprintf("%016x%08x", first, random.Uint32())
		hashed[n].meter, ranged[n].meter = hash(id), first
		for i := range installations {
			hashed[n].activations[i], ranged[n].activations[i] = hash(fmt.Sprintf("%s:%d", id, i)), first
		}
	}
	return hashed, ranged
}

func hash(id string) uint64 {
	sum := md5.Sum([]byte(id))
	return binary.LittleEndian.Uint64(sum[:])
}

// load returns the part of all work that each shard does, and the part of its shard that the most popular license's meter takes.
func load(parts []float64, where []places, shards int) (of []float64, hottest float64) {
	of = make([]float64, shards)
	at := func(place uint64) int {
		shard, _ := bits.Mul64(place, uint64(shards))
		return int(shard)
	}
	of[at(hash("product"))] += float64(onProduct) / onAll
	of[at(hash("version"))] += float64(onVersion) / onAll
	for n, part := range parts {
		of[at(where[n].meter)] += part * (onMeter + onLicense) / onAll
		for _, place := range where[n].activations {
			of[at(place)] += part * onActivation / onAll / installations
		}
	}
	return of, parts[0] * onMeter / onAll / of[at(where[0].meter)]
}

var clusters = []int{2, 4, 8, 16, 32}

// table has a row for each popularity and size of cluster: how many times as much as one shard the cluster carries before its hottest
// shard is full.
func table(seed uint64) string {
	hashed, ranged := spread(seed)
	var b strings.Builder
	b.WriteString("| popularity | the first license has | shards | hashed: carries | hottest shard " +
		"| ranged: carries | hottest shard | the first meter's part of its shard |\n")
	b.WriteString("|---|---|---|---|---|---|---|---|\n")
	for _, p := range popularities {
		parts := p.parts()
		for _, n := range clusters {
			apart, meter := load(parts, hashed, n)
			together, _ := load(parts, ranged, n)
			a, t := slices.Max(apart), slices.Max(together)
			fmt.Fprintf(&b, "| %s | %s | %d | %.1f × | %s | %.1f × | %s | %s |\n", p.name, percent(parts[0]), n, 1/a, percent(a), 1/t, percent(t),
				percent(meter))
		}
	}
	return b.String()
}

func percent(part float64) string {
	switch {
	case part < .001:
		return "< 0.1 %"
	case part < .1:
		return fmt.Sprintf("%.1f %%", 100*part)
	}
	return fmt.Sprintf("%.0f %%", 100*part)
}
