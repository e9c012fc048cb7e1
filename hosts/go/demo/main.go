// Command demo is a minimal licensed program.
//
//	demo --server URL --product ID --version ID --license ID --storage DIR STEP...
//	demo --server URL --product ID --version ID --license ID --storage DIR --serve 127.0.0.1:8080
//
// Steps: consume=N, reserve=CONTEXT:ENTITLEMENT, release=CONTEXT:ENTITLEMENT, check=CONTEXT:ENTITLEMENT, sync, status, deactivate, hold
// (until a line is read), shutdown. Each prints its name, a tab, and the code of its verdict; the next step runs after a refusal too,
// but the exit status is then 1. With --serve it is a web service instead: GET / is public, GET /work is
// licensed. Missing flags are taken from the environment: ONELICENSE_SERVER, _PRODUCT, _VERSION, _LICENSE, _STORAGE.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	onelicense "github.com/onelicense/onelicense/hosts/go"
)

func main() {
	given := map[string]*string{}
	for _, name := range []string{"server", "product", "version", "license", "storage"} {
		given[name] = flag.String(name, os.Getenv("ONELICENSE_"+strings.ToUpper(name)), "the `value` from the instructions page")
	}
	address := flag.String("serve", "", "run a web service at this `address` instead of steps")
	flag.Parse()
	steps, err := parse(flag.Args())
	if err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(2)
	}

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	client, err := onelicense.New(ctx, onelicense.Config{
		ServerURL: *given["server"], ProductID: *given["product"], VersionID: *given["version"], LicenseID: *given["license"],
		StorageDir: *given["storage"],
		OnVerdict:  func(v onelicense.Verdict) { fmt.Fprintf(os.Stderr, "%s: %s %s\n", v.Code, v.Message, v.Detail) },
	})
	if err != nil {
		say("start", err)
		os.Exit(1)
	}
	if *address != "" {
		err = serve(ctx, client, *address)
	} else {
		err = play(ctx, client, steps)
	}
	if err := errors.Join(err, client.Close(context.Background())); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

// step is one step with its parsed argument.
type step struct {
	name                 string
	times                int
	context, entitlement string
}

func parse(args []string) (steps []step, err error) {
	for _, arg := range args {
		name, value, _ := strings.Cut(arg, "=")
		s := step{name: name, times: 1}
		switch name {
		case "consume":
			if value != "" {
				s.times, err = strconv.Atoi(value)
			}
		case "reserve", "release", "check":
			var ok bool
			if s.context, s.entitlement, ok = strings.Cut(value, ":"); !ok {
				err = errors.New("want CONTEXT:ENTITLEMENT")
			}
		case "sync", "status", "deactivate", "hold", "shutdown":
		default:
			err = errors.New("unknown step")
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", arg, err)
		}
		steps = append(steps, s)
	}
	return steps, nil
}

// play executes the steps in order and returns an error if one was refused.
func play(ctx context.Context, client *onelicense.Client, steps []step) error {
	in := bufio.NewReader(os.Stdin)
	refused := 0
	for _, s := range steps {
		err := s.do(ctx, client, in)
		say(s.name, err)
		if err != nil {
			refused++
		}
	}
	if refused > 0 {
		return fmt.Errorf("%d of %d steps were refused", refused, len(steps))
	}
	return nil
}

func (s step) do(ctx context.Context, client *onelicense.Client, in *bufio.Reader) error {
	switch s.name {
	case "consume":
		for range s.times {
			if err := client.Consume(ctx); err != nil {
				return err
			}
		}
	case "reserve":
		return client.Reserve(ctx, s.context, s.entitlement)
	case "release":
		if released, err := client.Release(s.context, s.entitlement); err != nil || released {
			return err
		}
		return client.Check(s.context, s.entitlement) // returns the reason
	case "check":
		return client.Check(s.context, s.entitlement)
	case "sync":
		return client.Sync(ctx)
	case "status":
		return status(client)
	case "deactivate":
		return client.Deactivate(ctx)
	case "hold":
		_, _ = in.ReadString('\n') // the end of the input counts as a line
	case "shutdown":
		return client.Close(ctx)
	}
	return nil
}

func status(client *onelicense.Client) error {
	s, err := client.Status()
	if err != nil {
		return err
	}
	if v := s.Licenses[0].Verdict; !v.OK {
		return &onelicense.Error{Verdict: v}
	}
	return nil
}

func say(name string, err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	fmt.Printf("%s\t%s\n", name, onelicense.CodeOf(err))
}

// serve runs a web service with one licensed route.
func serve(ctx context.Context, client *onelicense.Client, address string) error {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		reply(w, http.StatusOK, map[string]any{"hello": "everybody"})
	})
	mux.HandleFunc("GET /work", func(w http.ResponseWriter, r *http.Request) {
		if err := client.Consume(r.Context()); err != nil {
			var refusal *onelicense.Error
			if !errors.As(err, &refusal) {
				return // the client has disconnected
			}
			reply(w, http.StatusForbidden, map[string]any{"code": refusal.Code, "message": refusal.Message, "do": refusal.Do})
			return
		}
		reply(w, http.StatusOK, map[string]any{"done": true})
	})
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	fmt.Printf("listening on http://%s\n", listener.Addr())
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	go func() {
		<-ctx.Done()
		_ = server.Close()
	}()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func reply(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // fails only if the client has disconnected
}
