# The last stage of a run that passed: what it deployed goes, and what other runs left past its time. A run that
# did not pass is left to the sweep that its end starts.
make setup
if [ "$ENVIRONMENT" = yes ]; then
  # After a drill the other region writes: the writes come home first.
  make destroy "SUFFIX=dr${EXECUTION_ID:0:8}" "PROFILE=$DRILL_PROFILE" "ARGS=--force --switch-back $DRILL_SETTINGS"
  aws s3 rm --only-show-errors "s3://$ARTIFACTS_BUCKET/deployed/$EXECUTION_ID.zip"
else
  echo "destroy: nothing was deployed (ENVIRONMENT=$ENVIRONMENT)"
fi
# Only what has a name of the pipeline's: this role may touch no other.
make sweep "PROFILE=$DRILL_PROFILE" "ARGS=--destroy --only '$DRILL_SUFFIXES' --home $HOME_REGION \
  --recovery $RECOVERY_REGION --witness $WITNESS_REGION -- $DRILL_SETTINGS"
