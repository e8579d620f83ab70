package main

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sort"
	"time"

	"go.etcd.io/bbolt"
)

var (
	records = []byte("records")
	content = []byte("content")
)

// A Record is what is known of an image.
type Record struct {
	Name     string    `json:"name"`
	URL      string    `json:"url"`
	Tags     []string  `json:"tags"`
	Type     string    `json:"type"`
	Size     int64     `json:"size"`
	Packed   int       `json:"packed"`
	Uploaded time.Time `json:"uploaded"`
}

// Vault holds the whole state: a Bolt file with a record and the gzipped bytes of each image, by name.
type Vault struct{ db *bbolt.DB }

// OpenVault opens a vault, or makes it. Bolt does not sync: a crash of the machine may lose images.
func OpenVault(path string) (*Vault, error) {
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{NoSync: true, NoFreelistSync: true})
	if err != nil {
		return nil, err
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		for _, bucket := range [][]byte{records, content} {
			if _, err := tx.CreateBucketIfNotExists(bucket); err != nil {
				return err
			}
		}
		return nil
	})
	return &Vault{db}, err
}

// Ingest downloads an image, gzips it while it arrives, and saves it.
func (v *Vault) Ingest(url, name string, tags []string) error {
	response, err := http.Get(url)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("the origin answered %s", response.Status)
	}
	var packed bytes.Buffer
	writer := gzip.NewWriter(&packed)
	size, err := io.Copy(writer, response.Body)
	if err != nil {
		return err
	}
	if err := writer.Close(); err != nil {
		return err
	}
	return v.save(packed.Bytes(), Record{
		Name: name, URL: url, Tags: tags, Type: response.Header.Get("Content-Type"),
		Size: size, Packed: packed.Len(), Uploaded: time.Now().UTC(),
	})
}

func (v *Vault) save(packed []byte, record Record) error {
	encoded, err := json.Marshal(record)
	if err != nil {
		return err
	}
	return v.db.Update(func(tx *bbolt.Tx) error {
		if err := tx.Bucket(content).Put([]byte(record.Name), packed); err != nil {
			return err
		}
		return tx.Bucket(records).Put([]byte(record.Name), encoded)
	})
}

// Get returns the record of a name, and a reader of its gzipped bytes.
func (v *Vault) Get(name string) (found Record, packed *bytes.Reader, err error) {
	err = v.db.View(func(tx *bbolt.Tx) error {
		encoded := tx.Bucket(records).Get([]byte(name))
		if encoded == nil {
			return fmt.Errorf("there is no image %q", name)
		}
		// Bolt's values are valid only within the transaction.
		packed = bytes.NewReader(append([]byte(nil), tx.Bucket(content).Get([]byte(name))...))
		return json.Unmarshal(encoded, &found)
	})
	return found, packed, err
}

// List returns all records, the oldest first.
func (v *Vault) List() (images []Record, err error) {
	err = v.db.View(func(tx *bbolt.Tx) error {
		return tx.Bucket(records).ForEach(func(_, encoded []byte) error {
			var record Record
			if err := json.Unmarshal(encoded, &record); err != nil {
				return err
			}
			images = append(images, record)
			return nil
		})
	})
	sort.Slice(images, func(i, j int) bool { return images[i].Uploaded.Before(images[j].Uploaded) })
	return images, err
}
