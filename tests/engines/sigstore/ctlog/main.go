// Command ctlog is a certificate transparency log for the tests: TesseraCT's library over a folder.
// TesseraCT's own command asks for unreleased versions of its dependencies; the library builds with released ones.
package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"flag"
	"fmt"
	"log"
	"net/http"
	"os"
	"time"

	"github.com/transparency-dev/tessera"
	folder "github.com/transparency-dev/tessera/storage/posix"
	"github.com/transparency-dev/tesseract"
	"github.com/transparency-dev/tesseract/storage"
	"github.com/transparency-dev/tesseract/storage/posix"
	"golang.org/x/mod/sumdb/note"
)

const (
	checkpointEvery = 200 * time.Millisecond
	batchWait       = 20 * time.Millisecond
	batchSize       = 64
	largestChain    = 512 << 10
)

func main() {
	address := flag.String("http_endpoint", "127.0.0.1:6962", "host:port to listen on")
	directory := flag.String("storage_dir", "", "folder of the log")
	key := flag.String("private_key", "", "EC key that signs, PEM (SEC 1)")
	roots := flag.String("roots_pem_file", "", "certificates that are accepted as roots")
	origin := flag.String("origin", "localhost", "first line of its checkpoints")
	flag.Parse()
	if err := serve(context.Background(), *address, *directory, *key, *roots, *origin); err != nil {
		log.Fatal(err)
	}
}

func serve(ctx context.Context, address, directory, key, roots, origin string) error {
	signer, err := readKey(key)
	if err != nil {
		return err
	}
	backup, err := posix.NewRootsStorage(ctx, directory)
	if err != nil {
		return err
	}
	accepted := tesseract.ChainValidationConfig{RootsPEMFile: roots, ExtKeyUsages: "CodeSigning", RootsRemoteFetchBackup: backup}
	open := func(ctx context.Context, signer note.Signer) (*storage.CTStorage, error) {
		return openLog(ctx, directory, signer)
	}
	handler, err := tesseract.NewLogHandler(ctx, origin, signer, accepted, open, 10*time.Second, false, "",
		tesseract.LogHandlerOpts{DedupRL: -1, MaxCertChainBytes: largestChain})
	if err != nil {
		return err
	}
	server := &http.Server{Addr: address, Handler: handler, ReadHeaderTimeout: 5 * time.Second}
	return server.ListenAndServe()
}

func openLog(ctx context.Context, directory string, signer note.Signer) (*storage.CTStorage, error) {
	driver, err := folder.New(ctx, folder.Config{Path: directory})
	if err != nil {
		return nil, err
	}
	options := tessera.NewAppendOptions().WithCheckpointSigner(signer).WithCTLayout().WithAntispam(1024, nil).
		WithBatching(batchSize, batchWait).WithCheckpointInterval(checkpointEvery)
	appender, _, reader, err := tessera.NewAppender(ctx, driver, options)
	if err != nil {
		return nil, err
	}
	issuers, err := posix.NewIssuerStorage(ctx, directory)
	if err != nil {
		return nil, err
	}
	return storage.NewCTStorage(ctx, &storage.CTStorageOptions{Appender: appender, Reader: reader, IssuerStorage: issuers})
}

func readKey(path string) (*ecdsa.PrivateKey, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(content)
	if block == nil {
		return nil, errors.New("private_key: no PEM block")
	}
	key, err := x509.ParseECPrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("private_key: %w", err)
	}
	return key, nil
}
