package main

import (
	"bufio"
	"crypto/ed25519"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"time"
)

// machine describes the machine and the commit that were measured.
type machine struct {
	Processors int
	Model      string // of the processor, where the system tells
	System     string
	Go         string
	Commit     string
	Date       string
	Load       float64 // processes that wanted a processor in the minute before; 0 where the system does not tell
}

// isBusy reports whether other work slowed the run down: the load average exceeds the number of processors.
func (m machine) isBusy() bool { return m.Load > float64(m.Processors) }

func thisMachine() machine {
	return machine{runtime.NumCPU(), processorModel(), runtime.GOOS + "/" + runtime.GOARCH, runtime.Version(), commit(),
		time.Now().UTC().Format(time.DateOnly), loadAverage()}
}

func loadAverage() (average float64) {
	text, err := os.ReadFile("/proc/loadavg")
	if err == nil {
		_, _ = fmt.Sscan(string(text), &average)
	}
	return average
}

func processorModel() string {
	f, err := os.Open("/proc/cpuinfo")
	if err != nil {
		return ""
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if name, value, ok := strings.Cut(lines.Text(), ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// commit is that of the working tree, marked when the tree has changes besides.
func commit() string {
	out, err := exec.Command("git", "describe", "--always", "--dirty", "--exclude=*").Output()
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(out))
}

// calibration says how fast the machine is at the two things that an honest answer cannot do without.
type calibration struct {
	Verifies float64 // of Ed25519, per second on one core
	Flushes  float64 // of 4 KiB appended to a file, per second, one after the other
}

func calibrate() calibration {
	return calibration{verificationsPerSecond(), flushesPerSecond()}
}

// calibrationTime is the time that each calibration takes.
const calibrationTime = 500 * time.Millisecond

func verificationsPerSecond() float64 {
	public, private, _ := ed25519.GenerateKey(nil)
	message := make([]byte, 1024)
	signature := ed25519.Sign(private, message)
	n, begin := 0, time.Now()
	for ; time.Since(begin) < calibrationTime; n++ {
		ed25519.Verify(public, message, signature)
	}
	return float64(n) / time.Since(begin).Seconds()
}

// flushesPerSecond is by the median, because a disk has its moments; 0 when there is no file to be had.
func flushesPerSecond() float64 {
	f, err := os.CreateTemp("", "onelicense-bench-")
	if err != nil {
		return 0
	}
	defer os.Remove(f.Name())
	defer f.Close()
	page := make([]byte, 4096)
	var took []time.Duration
	for begin := time.Now(); time.Since(begin) < calibrationTime; {
		t := time.Now()
		if _, err := f.Write(page); err != nil || f.Sync() != nil {
			return 0
		}
		took = append(took, time.Since(t))
	}
	slices.Sort(took)
	return 1 / percentile(took, .5).Seconds()
}
