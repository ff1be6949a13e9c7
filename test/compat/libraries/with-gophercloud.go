// The life of an image through gophercloud: `with-gophercloud FILE SAVED_TO`, credentials in OS_*.
package main

import (
	"encoding/json"
	"io"
	"os"

	"github.com/gophercloud/gophercloud"
	"github.com/gophercloud/gophercloud/openstack"
	"github.com/gophercloud/gophercloud/openstack/imageservice/v2/imagedata"
	"github.com/gophercloud/gophercloud/openstack/imageservice/v2/images"
)

const name = "with-gophercloud"

func main() {
	source, savedTo := os.Args[1], os.Args[2]
	options, err := openstack.AuthOptionsFromEnv()
	check(err)
	options.DomainID = os.Getenv("OS_USER_DOMAIN_ID")
	provider, err := openstack.AuthenticatedClient(options)
	check(err)
	client, err := openstack.NewImageServiceV2(provider, gophercloud.EndpointOpts{Region: os.Getenv("OS_REGION_NAME")})
	check(err)

	form := images.CreateOpts{Name: name, DiskFormat: "iso", ContainerFormat: "bare", Tags: []string{"go"}}
	made, err := images.Create(client, form).Extract()
	check(err)
	file, err := os.Open(source)
	check(err)
	check(imagedata.Upload(client, made.ID, file).ExtractErr())
	listed := ids(client)
	made, err = images.Get(client, made.ID).Extract()
	check(err)
	data, err := imagedata.Download(client, made.ID).Extract()
	check(err)
	saved, err := os.Create(savedTo)
	check(err)
	_, err = io.Copy(saved, data)
	check(err)
	check(images.Delete(client, made.ID).ExtractErr())
	check(json.NewEncoder(os.Stdout).Encode(map[string]interface{}{
		"made":   map[string]interface{}{"id": made.ID, "status": made.Status, "size": made.SizeBytes},
		"listed": listed,
		"left":   ids(client),
	}))
}

func ids(client *gophercloud.ServiceClient) []string {
	pages, err := images.List(client, images.ListOpts{Name: name}).AllPages()
	check(err)
	found, err := images.ExtractImages(pages)
	check(err)
	all := []string{}
	for _, image := range found {
		all = append(all, image.ID)
	}
	return all
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
