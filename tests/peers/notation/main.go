// Signs and verifies COSE envelopes with the reference implementation of the Notary Project, so that tests can
// compare it with Thimble's.
package main

import (
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/notaryproject/notation-core-go/signature"
	"github.com/notaryproject/notation-core-go/signature/cose"
	corex509 "github.com/notaryproject/notation-core-go/x509"
)

const usage = `usage:
  notation verify ENVELOPE ROOT.pem
  notation sign KEY.pem CHAIN.pem MEDIA-TYPE DIGEST SIZE SCHEME ENVELOPE`

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(arguments []string) error {
	switch {
	case len(arguments) == 3 && arguments[0] == "verify":
		return verify(arguments[1], arguments[2])
	case len(arguments) == 8 && arguments[0] == "sign":
		return sign(arguments[1:])
	default:
		return errors.New(usage)
	}
}

func verify(envelopePath, rootPath string) error {
	bytes, err := os.ReadFile(envelopePath)
	if err != nil {
		return err
	}
	roots, err := corex509.ReadCertificateFile(rootPath)
	if err != nil {
		return err
	}
	envelope, err := signature.ParseEnvelope(cose.MediaTypeEnvelope, bytes)
	if err != nil {
		return err
	}
	content, err := envelope.Verify()
	if err != nil {
		return err
	}
	signer := content.SignerInfo
	anchor, err := signature.VerifyAuthenticity(&signer, roots)
	if err != nil {
		return err
	}
	attributes := signer.SignedAttributes
	var expiry any
	if !attributes.Expiry.IsZero() {
		expiry = attributes.Expiry.Unix()
	}
	return json.NewEncoder(os.Stdout).Encode(map[string]any{
		"subject":     name(signer.CertificateChain[0]),
		"anchor":      name(anchor),
		"scheme":      attributes.SigningScheme,
		"signed":      attributes.SigningTime.Unix(),
		"expiry":      expiry,
		"agent":       signer.UnsignedAttributes.SigningAgent,
		"contentType": content.Payload.ContentType,
		"payload":     json.RawMessage(content.Payload.Content),
	})
}

func name(certificate *x509.Certificate) string {
	return certificate.Subject.String()
}

func sign(arguments []string) error {
	keyPath, chainPath, mediaType, digest := arguments[0], arguments[1], arguments[2], arguments[3]
	size, err := strconv.ParseInt(arguments[4], 10, 64)
	if err != nil {
		return err
	}
	scheme, envelopePath := signature.SigningScheme(arguments[5]), arguments[6]
	key, err := corex509.ReadPrivateKeyFile(keyPath)
	if err != nil {
		return err
	}
	chain, err := corex509.ReadCertificateFile(chainPath)
	if err != nil {
		return err
	}
	signer, err := signature.NewLocalSigner(chain, key)
	if err != nil {
		return err
	}
	payload, err := json.Marshal(map[string]any{
		"targetArtifact": map[string]any{"mediaType": mediaType, "digest": digest, "size": size},
	})
	if err != nil {
		return err
	}
	envelope, err := signature.NewEnvelope(cose.MediaTypeEnvelope)
	if err != nil {
		return err
	}
	now := time.Now().Truncate(time.Second)
	bytes, err := envelope.Sign(&signature.SignRequest{
		Payload: signature.Payload{
			ContentType: "application/vnd.cncf.notary.payload.v1+json",
			Content:     payload,
		},
		Signer:        signer,
		SigningTime:   now,
		Expiry:        now.Add(time.Hour),
		SigningAgent:  "peer/1.0",
		SigningScheme: scheme,
	})
	if err != nil {
		return err
	}
	if err := os.WriteFile(envelopePath, bytes, 0o600); err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(map[string]any{"bytes": len(bytes)})
}
