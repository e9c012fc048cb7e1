// Command onelicense-desktop shows One License in a window of its own: the same pages as in a browser, on a server in this program or on
// a remote one, and license files opened from this machine.
//
// It is built with -tags desktop,production,webkit2_41; without them it is a stub, so that the rest of the module needs no GUI libraries.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"

	"github.com/wailsapp/wails/v2"

	"github.com/onelicense/onelicense/desktop/app"
	"github.com/onelicense/onelicense/frontend"
)

func main() {
	err := run()
	if errors.Is(err, flag.ErrHelp) {
		fmt.Print(app.Usage)
		return
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "onelicense-desktop:", err)
		os.Exit(1)
	}
}

func run() error {
	dir, err := os.Getwd()
	if err != nil {
		return err
	}
	args, err := app.ParseArgs(os.Args[1:], dir)
	if err != nil {
		return err
	}
	log, err := app.OpenLog(args.Dir)
	if err != nil {
		return err
	}
	a, err := app.Open(app.Config{Dir: args.Dir, Server: args.Server, Files: args.Files, Pages: frontend.Assets(), Log: log})
	if err != nil {
		return err
	}
	return errors.Join(wails.Run(a.Options()), a.Close())
}
