// The first design, rebuilt as a peer to measure Burrow with: an upload is answered at once, and a goroutine downloads,
// gzips and saves the image.
//
// Usage: peer ADDRESS DIRECTORY
package main

import (
	"compress/gzip"
	"fmt"
	"log"
	"net/http"
	"os"

	"github.com/labstack/echo"
)

// An upload is what clients send.
type upload struct {
	URL  string   `json:"url"`
	Name string   `json:"name"`
	Tags []string `json:"tags"`
}

func main() {
	if len(os.Args) != 3 {
		log.Fatal("usage: peer ADDRESS DIRECTORY")
	}
	vault, err := OpenVault(os.Args[2])
	if err != nil {
		log.Fatal(err)
	}
	server := echo.New()
	server.HideBanner = true
	server.POST("/upload", func(c echo.Context) error { return add(c, vault) })
	server.GET("/basic_stats", func(c echo.Context) error { return stats(c, vault) })
	server.GET("/image/:name", func(c echo.Context) error { return image(c, vault) })
	log.Fatal(server.Start(os.Args[1]))
}

func add(c echo.Context, vault *Vault) error {
	var sent upload
	if err := c.Bind(&sent); err != nil {
		return err
	}
	if sent.URL == "" || sent.Name == "" {
		return echo.NewHTTPError(http.StatusBadRequest, "url and name are needed")
	}
	go func() {
		if err := vault.Ingest(sent.URL, sent.Name, sent.Tags); err != nil {
			log.Printf("%s: %v", sent.URL, err)
		}
	}()
	return c.JSON(http.StatusOK, map[string]string{"status": "done"})
}

func stats(c echo.Context, vault *Vault) error {
	images, err := vault.List()
	if err != nil {
		return err
	}
	var last interface{}
	if len(images) > 0 {
		last = images[len(images)-1].Uploaded
	}
	return c.JSON(http.StatusOK, map[string]interface{}{
		"num_images": len(images), "last_uploaded": last, "images": images,
	})
}

func image(c echo.Context, vault *Vault) error {
	found, packed, err := vault.Get(c.Param("name"))
	if err != nil {
		return echo.NewHTTPError(http.StatusNotFound, err.Error())
	}
	defer packed.Close()
	plain, err := gzip.NewReader(packed)
	if err != nil {
		return err
	}
	c.Response().Header().Set("Content-Length", fmt.Sprint(found.Size))
	return c.Stream(http.StatusOK, found.Type, plain)
}
