// Builds Consul as a dependency: `go install` refuses it, because its own go.mod has `replace` directives, which are
// repeated here.
module kafkajs-failover/stack/consul

go 1.23.8

require github.com/hashicorp/consul v1.21.0

// As in Consul's own go.mod.
exclude (
	github.com/hashicorp/go-msgpack v1.1.5
	github.com/hashicorp/go-msgpack v1.1.6
)

replace github.com/hashicorp/consul-awsauth => github.com/hashicorp/consul-awsauth v0.0.0-20220713182709-05ac1c5c2706
