# The drill in the emulated lab: it breaks what nothing on AWS can break alone, and looks into databases and logs.
mkdir -p build/drill/latest
count=$(aws s3api list-objects-v2 --bucket "$EVIDENCE_BUCKET" --prefix chain/latest.json \
  --query KeyCount --output text)
if [ "$count" != 0 ]; then
  aws s3 cp --only-show-errors "s3://$EVIDENCE_BUCKET/chain/latest.json" previous.json
  cp previous.json build/drill/latest/evidence.json
fi
# A build is root and has no right to a user namespace, and PostgreSQL refuses root: the drill runs as a user.
as=()
if [ "$(id -u)" = 0 ]; then
  id drill > /tmp/drill-user 2>&1 || useradd --create-home drill
  chown -R drill "$PWD"
  # The image's Python and the build's folder may lie where only root may look.
  for folder in "$PWD" "$(dirname "$(readlink -f "$(command -v python3)")")"; do
    while [ "$folder" != / ]; do
      chmod o+x "$folder"
      folder=$(dirname "$folder")
    done
  done
  # The source's own commands get no credentials: the lab calls nothing of AWS's.
  as=(setpriv --reuid drill --regid drill --clear-groups
    env -u AWS_CONTAINER_CREDENTIALS_RELATIVE_URI -u AWS_CONTAINER_CREDENTIALS_FULL_URI HOME=/home/drill)
fi
"${as[@]}" make drill "SCENARIO=$SCENARIO" || echo "drill: it did not pass; its evidence goes to the next stage"
if [ ! -f build/drill/latest/evidence.json ] \
  || cmp -s previous.json build/drill/latest/evidence.json; then
  echo "drill: this run left no evidence"
  exit 1
fi
if [ -f previous.json ]; then
  cp previous.json build/drill/latest/previous.json
fi
