package main

import (
	"encoding/json"
	"fmt"

	"github.com/valyala/fasthttp"
)

// vendor is a person with a session who looks at licenses.
type vendor struct {
	http    *fasthttp.HostClient
	cookie  string
	version string
	asked   int
}

func (w *benchServer) vendor(http *fasthttp.HostClient) *vendor {
	return &vendor{http: http, cookie: w.owner.cookie, version: string(w.version)}
}

// pageSize is the number of licenses on a page, as the web pages ask for them.
const pageSize = 50

// list turns the pages of the list of licenses, one each time, and begins again after the last.
func (v *vendor) list() task {
	var next string
	return func() (int, error) {
		var page struct {
			Items []struct{ ID string }
			Next  string
		}
		path := fmt.Sprintf("/licenses?version=%s&limit=%d&cursor=%s", v.version, pageSize, next)
		if err := v.get(path, &page); err != nil {
			return 0, err
		}
		if len(page.Items) != pageSize && page.Next != "" {
			return 0, fmt.Errorf("a page of %d licenses", len(page.Items))
		}
		next = page.Next
		return 0, nil
	}
}

// read reads one license after the other of the first page.
func (v *vendor) read() task {
	var ids []string
	return func() (int, error) {
		if len(ids) == 0 {
			var page struct{ Items []struct{ ID string } }
			if err := v.get(fmt.Sprintf("/licenses?version=%s&limit=%d", v.version, pageSize), &page); err != nil {
				return 0, err
			}
			for _, l := range page.Items {
				ids = append(ids, l.ID)
			}
		}
		var l struct{ ID string }
		id := ids[v.asked%len(ids)]
		err := v.get("/licenses/"+id, &l)
		if err == nil && l.ID != id {
			err = fmt.Errorf("got license %q for %s", l.ID, id)
		}
		return 0, err
	}
}

func (v *vendor) get(path string, into any) error {
	v.asked++
	request, response := fasthttp.AcquireRequest(), fasthttp.AcquireResponse()
	defer fasthttp.ReleaseRequest(request)
	defer fasthttp.ReleaseResponse(response)
	request.SetRequestURI("http://" + v.http.Addr + prefix + path)
	request.Header.Set("Cookie", v.cookie)
	if err := v.http.Do(request, response); err != nil {
		return err
	}
	if response.StatusCode() != fasthttp.StatusOK {
		return fmt.Errorf("HTTP %d: %.300s", response.StatusCode(), response.Body())
	}
	return json.Unmarshal(response.Body(), into)
}
