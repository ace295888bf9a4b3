# The environment of this run is made active, and drilled as `make drill TARGET=aws` does it. What it breaks is
# broken, and healed, by the environment's own state machine: this build may die at any moment.
mkdir -p build/drill/latest
if [ "$ENVIRONMENT" != yes ]; then
  echo "exercise: nothing was deployed (ENVIRONMENT=$ENVIRONMENT)" | tee build/drill/latest/none
  exit 0
fi
suffix="dr${EXECUTION_ID:0:8}"
make setup
.venv/bin/lifeline activate --suffix "$suffix" --home "$HOME_REGION" --recovery "$RECOVERY_REGION" \
  --witness "$WITNESS_REGION"
# Evidence of AWS has a chain of its own: the lab's follows the lab's.
count=$(aws s3api list-objects-v2 --bucket "$EVIDENCE_BUCKET" --prefix chain/aws/latest.json \
  --query KeyCount --output text)
if [ "$count" != 0 ]; then
  aws s3 cp --only-show-errors "s3://$EVIDENCE_BUCKET/chain/aws/latest.json" previous.json
  cp previous.json build/drill/latest/evidence.json
fi
make drill TARGET=aws "SUFFIX=$suffix" "SCENARIO=$SCENARIO" "ARGS=$DRILL_SETTINGS" \
  || echo "exercise: it did not pass; its evidence goes to the stage Validate"
if [ ! -f build/drill/latest/evidence.json ] \
  || cmp -s previous.json build/drill/latest/evidence.json; then
  echo "exercise: this run left no evidence"
  exit 1
fi
if [ -f previous.json ]; then
  cp previous.json build/drill/latest/previous.json
fi
