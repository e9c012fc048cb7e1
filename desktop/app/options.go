package app

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	goruntime "runtime"

	"github.com/wailsapp/wails/v2/pkg/menu"
	"github.com/wailsapp/wails/v2/pkg/menu/keys"
	"github.com/wailsapp/wails/v2/pkg/options"
	"github.com/wailsapp/wails/v2/pkg/options/assetserver"
	"github.com/wailsapp/wails/v2/pkg/options/linux"
	"github.com/wailsapp/wails/v2/pkg/runtime"
)

// Title is the title of the window and the program's display name.
const Title = "One License"

// Options returns the settings of the window.
func (a *App) Options() *options.App {
	return &options.App{
		Title:     Title,
		Width:     1280,
		Height:    860,
		MinWidth:  380,
		MinHeight: 480,
		// The colour of the pages' background between dark and light: no white flash before they are drawn.
		BackgroundColour: options.NewRGB(0x80, 0x80, 0x88),
		AssetServer:      &assetserver.Options{Handler: a},
		Menu:             a.menu(),
		Bind:             []any{&Native{app: a}},
		OnStartup:        func(ctx context.Context) { a.window.opened(ctx); a.Start(ctx) },
		SingleInstanceLock: &options.SingleInstanceLock{
			UniqueId:               "onelicense_" + instanceID(a.config.Dir),
			OnSecondInstanceLaunch: a.secondStart,
		},
		EnableDefaultContextMenu: true, // copy and paste
		Linux:                    &linux.Options{WebviewGpuPolicy: linux.WebviewGpuPolicyNever, ProgramName: "onelicense-desktop"},
	}
}

// instanceID returns a name for a data directory: each directory has its own window.
func instanceID(dir string) string {
	sum := sha256.Sum256([]byte(dir))
	return hex.EncodeToString(sum[:8])
}

// secondStart is called when the program is started again: it brings this window to the front and opens the files of that start.
func (a *App) secondStart(second options.SecondInstanceData) {
	start, err := ParseArgs(second.Args, second.WorkingDirectory)
	a.logError("a second start", err)
	a.window.bringToFront()
	a.show(start.Files)
}

// show passes license files to the page.
func (a *App) show(paths []string) {
	if len(paths) > 0 {
		a.files.addOpened(paths)
		a.window.emit(eventOpened)
	}
}

func (a *App) menu() *menu.Menu {
	m := menu.NewMenu()
	file := m.AddSubmenu("File")
	file.AddText("Open license files…", keys.CmdOrCtrl("o"), func(*menu.CallbackData) {
		paths, err := a.window.chooseFiles("Open license files", licenseFiles)
		a.logError("choosing license files", err)
		a.show(paths)
	})
	file.AddSeparator()
	file.AddText("Quit", keys.CmdOrCtrl("q"), func(*menu.CallbackData) {
		if ctx, ok := a.window.get(); ok {
			runtime.Quit(ctx)
		}
	})
	if goruntime.GOOS == "darwin" {
		m.Append(menu.EditMenu()) // elsewhere copy and paste need none
	}
	return m
}
