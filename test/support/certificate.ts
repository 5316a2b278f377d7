/**
 * For servers of tests: it signs itself, for `consul.test` and 127.0.0.1, and is good for a hundred years. Made by
 *
 *   openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 36500 -subj /CN=consul.test \\
 *     -addext subjectAltName=DNS:consul.test,IP:127.0.0.1 -keyout key.pem -out cert.pem
 */
export const certificate = `-----BEGIN CERTIFICATE-----
MIIBojCCAUegAwIBAgIUeAdCWnoi4ENlMNFKxfb+WAigRkswCgYIKoZIzj0EAwIw
FjEUMBIGA1UEAwwLY29uc3VsLnRlc3QwIBcNMjYxMTI2MDIyMTA1WhgPMjEyNjEx
MDIwMjIxMDVaMBYxFDASBgNVBAMMC2NvbnN1bC50ZXN0MFkwEwYHKoZIzj0CAQYI
KoZIzj0DAQcDQgAEVWGtDcijhXcy8ia4cXnuWdjaVP/X/kUjI7iFp4F7z/o4y7Zg
43MJ0A+W8pxOiSBm9qg+po+wSmdj3x5cgZXKSKNxMG8wHQYDVR0OBBYEFNKU4JTK
TQMsjES5i7S1ayVX0z00MB8GA1UdIwQYMBaAFNKU4JTKTQMsjES5i7S1ayVX0z00
MA8GA1UdEwEB/wQFMAMBAf8wHAYDVR0RBBUwE4ILY29uc3VsLnRlc3SHBH8AAAEw
CgYIKoZIzj0EAwIDSQAwRgIhAJ3a0FpEdLX4FZ0TEkzOcDLy9A8GbPHQ0Nfm67SC
BpYIAiEAhPk7xcZhYDDmwcPAyhiuOyWc93bEZnBp5MKB/tFzPpY=
-----END CERTIFICATE-----
`;

/** Its key, which guards nothing. */
export const certificateKey = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgA8mNBh1/DvF/TnZD
yx2YLLBXB9MUm2AX+2H95X6AxLChRANCAARVYa0NyKOFdzLyJrhxee5Z2NpU/9f+
RSMjuIWngXvP+jjLtmDjcwnQD5bynE6JIGb2qD6mj7BKZ2PfHlyBlcpI
-----END PRIVATE KEY-----
`;
