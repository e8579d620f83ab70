package main

import (
	"compress/gzip"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"sort"
	"time"

	"go.etcd.io/bbolt"
)

var records = []byte("records")

// A Record is what is known of an image.
type Record struct {
	Name     string    `json:"name"`
	URL      string    `json:"url"`
	Tags     []string  `json:"tags"`
	Type     string    `json:"type"`
	Size     int64     `json:"size"`
	Packed   int64     `json:"packed"`
	Uploaded time.Time `json:"uploaded"`
}

// Vault holds the whole state: a Bolt file with a record of each image, and a gzip file of each image's bytes, by name.
type Vault struct {
	directory string
	db        *bbolt.DB
}

// OpenVault opens a vault, or makes it. Bolt does not sync: a crash of the machine may lose images.
func OpenVault(directory string) (*Vault, error) {
	db, err := bbolt.Open(filepath.Join(directory, "images.db"), 0o600, &bbolt.Options{NoSync: true, NoFreelistSync: true})
	if err != nil {
		return nil, err
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		_, err := tx.CreateBucketIfNotExists(records)
		return err
	})
	return &Vault{directory, db}, err
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
	size, packed, err := v.pack(name, response.Body)
	if err != nil {
		return err
	}
	return v.save(Record{
		Name: name, URL: url, Tags: tags, Type: response.Header.Get("Content-Type"),
		Size: size, Packed: packed, Uploaded: time.Now().UTC(),
	})
}

func (v *Vault) pack(name string, body io.Reader) (size, packed int64, err error) {
	file, err := os.Create(v.path(name))
	if err != nil {
		return 0, 0, err
	}
	defer file.Close()
	writer := gzip.NewWriter(file)
	if size, err = io.Copy(writer, body); err != nil {
		return 0, 0, err
	}
	if err = writer.Close(); err != nil {
		return 0, 0, err
	}
	packed, err = file.Seek(0, io.SeekCurrent)
	return size, packed, err
}

func (v *Vault) save(record Record) error {
	encoded, err := json.Marshal(record)
	if err != nil {
		return err
	}
	return v.db.Update(func(tx *bbolt.Tx) error { return tx.Bucket(records).Put([]byte(record.Name), encoded) })
}

// Get returns the record of a name, and its gzip file, which the caller closes.
func (v *Vault) Get(name string) (found Record, packed *os.File, err error) {
	err = v.db.View(func(tx *bbolt.Tx) error {
		encoded := tx.Bucket(records).Get([]byte(name))
		if encoded == nil {
			return fmt.Errorf("there is no image %q", name)
		}
		return json.Unmarshal(encoded, &found)
	})
	if err != nil {
		return found, nil, err
	}
	packed, err = os.Open(v.path(name))
	return found, packed, err
}

// The file of a name. Names may have any characters, and file names not.
func (v *Vault) path(name string) string {
	return filepath.Join(v.directory, fmt.Sprintf("%x.gz", sha256.Sum256([]byte(name))))
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
