# The life of an image through fog: `with-fog.rb FILE SAVED_TO`, credentials in OS_*.
require 'fog/openstack'
require 'json'

source, saved_to = ARGV
images = Fog::OpenStack::Image.new(
  openstack_auth_url: ENV.fetch('OS_AUTH_URL').delete_suffix('/v3'),
  openstack_username: ENV.fetch('OS_USERNAME'),
  openstack_api_key: ENV.fetch('OS_PASSWORD'),
  openstack_project_name: ENV.fetch('OS_PROJECT_NAME'),
  openstack_domain_id: ENV.fetch('OS_USER_DOMAIN_ID'),
  openstack_region: ENV.fetch('OS_REGION_NAME')
)
ids = -> { images.images.select { |image| image.name == 'with-fog' }.map(&:id) }

made = images.images.create(name: 'with-fog', disk_format: 'iso', container_format: 'bare')
made.upload_data(File.open(source, 'rb'))
made.add_tag('fog')
listed = ids.call
made = images.images.get(made.id)
File.binwrite(saved_to, made.download_data)
attributes = made.attributes
made.destroy
puts JSON.generate(made: attributes, listed: listed, left: ids.call)
